"""The one declaration of a row: its Avro schema, and everything derived from it.

The schema determines the types that pydantic validates a row against, the columns that Dagster
shows, and the schema that fastavro writes. `columns` defines what a field may declare.
"""

import datetime
import json
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import AfterValidator, FailFast, Field, TypeAdapter, ValidationInfo
from pydantic_core import PydanticCustomError
from typing_extensions import NotRequired, TypedDict

from sales_assets.feed.columns import InvalidSchemaError, column_of, require_name


class RowSchema:
    """The declaration of a row.

    Attributes:
        avro: The Avro schema, a record.
        keys: The keys of its columns in JSON, by name.
        day: The column that holds the day of a row.
        page: Validates the JSON of a list of rows of any day; returns them with the names and
            values of Avro, and without unknown fields.
        row: The same for one row; its context is the day that the row must be of.

    Args:
        day_field: The name of the field that holds the day of a row: a `date` or a timestamp.
        zone: The time zone that determines the day of a timestamp.

    Raises:
        InvalidSchemaError: A feed does not support this schema.
    """

    def __init__(self, avro: Mapping[str, Any], day_field: str, zone: str = "UTC") -> None:
        if not isinstance(avro, Mapping) or avro.get("type") != "record":
            written = json.dumps(avro, default=str)
            raise InvalidSchemaError(f"expected an Avro record, not {written}")
        name, fields = avro.get("name"), avro.get("fields")
        if not isinstance(fields, list) or not fields:
            raise InvalidSchemaError(f"{name}: expected an Avro record with a list of fields")
        for part in [name, *str(avro.get("namespace", "_")).split(".")]:
            require_name(part, f"the record {name!r} ")
        self.avro = dict(avro)
        self.columns = [column_of(field, str(name)) for field in fields]
        self.keys = {column.name: column.key for column in self.columns}
        names = [column.name.lower() for column in self.columns]
        keys = [column.key for column in self.columns]
        for column in self.columns:
            if names.count(column.name.lower()) > 1 or keys.count(column.key) > 1:
                raise InvalidSchemaError(
                    f"{name}: field {column.name!r} appears twice, or differs from another field "
                    "only in case, which other readers ignore: rename one of them"
                )
        days = [column for column in self.columns if column.name == day_field]
        if not days or not days[0].type.startswith(("date", "timestamp")) or days[0].nullable:
            raise InvalidSchemaError(
                f"{name}: day_field is {day_field!r}, but must be a date or timestamp field that "
                "cannot be null"
            )
        self.day = days[0]
        try:
            self._zone = zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidSchemaError(f"{name}: unknown time zone {zone!r}") from error
        # All errors of a page without a valid row would take many times its memory.
        rows: Any = Annotated[list[self._row_type()], FailFast()]  # type: ignore[misc]
        self.page = TypeAdapter[list[dict[str, Any]]](rows).validate_json
        # In a page, a call for each row would take long.
        of_the_day = AfterValidator(self._require_day)
        self.row = TypeAdapter[dict[str, Any]](self._row_type(of_the_day)).validate_python

    def _row_type(self, *day_checks: AfterValidator) -> Any:
        fields: dict[str, Any] = {}
        for column in self.columns:
            checks = day_checks if column is self.day else ()
            check: Any = Annotated[(column.check, Field(alias=column.key), *checks)]
            fields[column.name] = NotRequired[check] if column.optional else check
        row: Any = TypedDict("row", fields)  # type: ignore[misc]
        return row

    def _require_day(self, value: datetime.date, info: ValidationInfo) -> datetime.date:
        if self.day_of(value) != info.context:
            message = f"Input should be on the day of the partition, {info.context}"
            raise PydanticCustomError("other_day", message)
        return value

    @classmethod
    def read(cls, path: Path, day_field: str, zone: str = "UTC") -> "RowSchema":
        """Read the schema from an `.avsc` file; an InvalidSchemaError names the file."""
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), day_field, zone)
        except ValueError as error:
            raise InvalidSchemaError(f"{path.name}: {error}") from error

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
            # The UI has no icon for long.
            shown = "int64" if one.type == "long" else one.type
            columns.append(dg.TableColumn(one.name, shown, one.doc, nullable))
        return dg.TableSchema(columns)
