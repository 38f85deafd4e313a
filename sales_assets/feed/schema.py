"""The one declaration of a row: its Avro schema, and everything derived from it.

The schema determines the types that pydantic validates a row against, the columns that Dagster
shows, and the schema that fastavro writes. `columns` defines what a field may declare.
"""

import datetime
import json
import zoneinfo
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import ConfigDict, FailFast, TypeAdapter, with_config
from typing_extensions import NotRequired, TypedDict

from sales_assets.feed.columns import InvalidSchemaError, column_of, require_name

_DAYS = ("date", "timestamp-millis", "timestamp-micros")


_SHOWN_TYPES = {"long": "int64"}
"""Types that the UI has no icon for, and what it shows instead."""


class RowSchema:
    """The declaration of a row.

    Attributes:
        avro: The Avro schema, a record.
        columns: Its fields, in order.
        day: The column that holds the day of a row.
        page: Validates a whole page and returns its rows, including unknown fields.
        row: Validates one row.

    Args:
        avro: An Avro record. Its fields have a `doc` and a type that `columns` knows.
        day_field: The name of the field that holds the day of a row: a `date` or a timestamp.
        zone: The time zone that determines the day of a timestamp.

    Raises:
        InvalidSchemaError: A feed does not support this schema.
    """

    def __init__(self, avro: Mapping[str, Any], day_field: str, zone: str = "UTC") -> None:
        written = json.dumps(avro, default=str)
        if not isinstance(avro, Mapping) or avro.get("type") != "record":
            raise InvalidSchemaError(f"expected an Avro record, not {written}")
        name, fields = avro.get("name"), avro.get("fields")
        if not isinstance(fields, list) or not fields:
            raise InvalidSchemaError(f"{name}: expected an Avro record with a list of fields")
        for part in [name, *str(avro.get("namespace", "_")).split(".")]:
            require_name(part, f"the record {name!r}")
        self.avro = dict(avro)
        self.columns = [column_of(field, str(name)) for field in fields]
        names = Counter(column.name.lower() for column in self.columns)
        keys = Counter(column.key for column in self.columns)
        for column in self.columns:
            if names[column.name.lower()] > 1 or keys[column.key] > 1:
                raise InvalidSchemaError(
                    f"{name}: field {column.name!r} appears twice, or differs from another field "
                    "only in case, which other readers ignore: rename one of them"
                )
        day = next((column for column in self.columns if column.name == day_field), None)
        if day is None or day.type.name not in _DAYS or day.nullable:
            raise InvalidSchemaError(
                f"{name}: day_field is {day_field!r}, but must be a date or timestamp field that "
                "cannot be null"
            )
        self.day = day
        try:
            self._zone = zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidSchemaError(f"{name}: unknown time zone {zone!r}") from error
        row = self._type()
        self.row: Callable[[Any], Any] = TypeAdapter(row).validate_python
        # All errors of a page without a valid row would take many times its memory.
        rows: Any = Annotated[list[row], FailFast()]  # type: ignore[valid-type]
        self.page: Callable[[bytes], list[dict[str, Any]]] = TypeAdapter(rows).validate_json

    def _type(self) -> Any:
        fields = {
            column.key: NotRequired[column.check] if column.optional else column.check
            for column in self.columns
        }
        row = TypedDict("row", fields)  # type: ignore[misc]
        # Unknown fields are kept, to be counted and named.
        return with_config(ConfigDict(extra="allow"))(row)

    @classmethod
    def read(cls, path: Path, day_field: str, zone: str = "UTC") -> "RowSchema":
        """Read the schema from an `.avsc` file; an InvalidSchemaError names the file."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), day_field, zone)
        except ValueError as error:
            raise InvalidSchemaError(f"{path.name}: {error}") from error

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the columns in JSON, in order."""
        return [column.key for column in self.columns]

    def key_of(self, name: str) -> str:
        """Return the JSON key of a field; raise InvalidSchemaError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column.key
        raise InvalidSchemaError(f"{self.avro['name']}: there is no field {name!r}")

    def day_of(self, value: datetime.date) -> datetime.date:
        """Return the day of a value of the column `day`."""
        if isinstance(value, datetime.datetime):
            try:
                return value.astimezone(self._zone).date()
            except OverflowError:  # In the first or last hours of the datetime range.
                return value.date()
        return value

    def lineage(self, source: dg.AssetKey) -> dg.TableColumnLineage:
        """Return the column lineage for the Dagster UI: each column comes from its namesake."""
        return dg.TableColumnLineage(
            {column.name: [dg.TableColumnDep(source, column.name)] for column in self.columns}
        )

    def table(self) -> dg.TableSchema:
        """Describe the columns for the Dagster UI."""
        columns = []
        for one in self.columns:
            nullable = dg.TableColumnConstraints(nullable=one.nullable)
            shown = _SHOWN_TYPES.get(one.type.name, one.type.name)
            columns.append(dg.TableColumn(one.name, shown, one.doc, nullable))
        return dg.TableSchema(columns)
