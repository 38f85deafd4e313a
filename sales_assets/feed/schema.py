"""The one declaration of a row: its Avro schema, and what follows from it.

From the schema come the types that pydantic checks a row against, the columns that Dagster shows,
and the schema that fastavro writes. A schema that says something that is not supported all the way
is refused when it is declared, which is when its module is imported.
"""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictStr,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import NotRequired, TypedDict

from sales_assets.feed.numbers import exact

_INT, _LONG = 2**31, 2**63

# Bounds that are no longs themselves, such as an lt=2**63, take pydantic twice the time.
_Int = Annotated[int, Field(strict=True, ge=-_INT, le=_INT - 1)]
_Long = Annotated[int, Field(strict=True, ge=-_LONG, le=_LONG - 1)]
# JSON writes 5.0 as 5, too. Pydantic's strict float takes any integer, and changes large ones.
_Double = Annotated[
    Annotated[float, Field(strict=True, allow_inf_nan=False)] | Annotated[int, Field(strict=True)],
    BeforeValidator(exact),
]

_TYPES: Mapping[str, Any] = {
    "string": StrictStr,
    "int": _Int,
    "long": _Long,
    "double": _Double,
    "boolean": StrictBool,
    # A date stays text until it has been looked at: pydantic takes "1660003200" for a date even
    # when it is strict.
    "date": StrictStr,
}


class InvalidSchemaError(ValueError):
    """A schema says something that a feed cannot do; the text names the field."""


class Column(NamedTuple):
    """A field of a row.

    Attributes:
        name: The key in JSON, and the field in Avro.
        kind: One of `string`, `int`, `long`, `double`, `boolean`, `date`.
        nullable: Whether it may be null.
        optional: Whether a row may lack it, and then gets `default`.
        default: As JSON.
        doc: What it means.
    """

    name: str
    kind: str
    nullable: bool
    optional: bool
    default: Any
    doc: str

    @property
    def type(self) -> Any:
        """What pydantic checks a value against."""
        return _TYPES[self.kind] | None if self.nullable else _TYPES[self.kind]

    @property
    def missing(self) -> Any:
        """The value of a row that lacks the field, as it goes into Avro."""
        return _EPOCH + datetime.timedelta(self.default) if self._is_date_default else self.default

    @property
    def _is_date_default(self) -> bool:
        return self.kind == "date" and self.default is not None


_EPOCH = datetime.date(1970, 1, 1)


class RowSchema:
    """The declaration of a row.

    Attributes:
        avro: The Avro schema, a record.
        columns: Its fields, in order.
        day_field: The column that holds the day of the partition.
        page: Checks a whole page and gives its rows, unknown fields included.
        row: Checks one row.
    """

    def __init__(self, avro: Mapping[str, Any], day_field: str) -> None:
        """Take the schema apart.

        Args:
            avro: An Avro record of fields of the types `string`, `int`, `long`, `double`,
                `boolean` and `date`, or a union of null and one of them; each with a `doc`.
            day_field: A `date` that is always there.

        Raises:
            InvalidSchemaError: The schema says something else.
        """
        self.avro = dict(avro)
        name = str(avro.get("name"))
        if avro.get("type") != "record" or not avro.get("fields"):
            raise InvalidSchemaError(f"{name}: an Avro record with fields is expected")
        self.columns = [_column(field, name) for field in avro["fields"]]
        by_name = {column.name: column for column in self.columns}
        if len(by_name) < len(self.columns):
            raise InvalidSchemaError(f"{name}: two fields have the same name")
        day = by_name.get(day_field)
        if day is None or day.kind != "date" or day.nullable or day.optional:
            raise InvalidSchemaError(
                f"{name}: the day is in {day_field!r}, which has to be a field of the type date, "
                "not null and without a default"
            )
        self.day_field = day_field
        row = self._type()
        self.row: Callable[[Any], Any] = TypeAdapter(row).validate_python
        rows: Any = list[row]  # type: ignore[valid-type]
        self.page: Callable[[bytes], list[dict[str, Any]]] = TypeAdapter(rows).validate_json

    def _type(self) -> Any:
        """Make the type that pydantic knows a row by."""
        fields = {
            column.name: NotRequired[column.type] if column.optional else column.type
            for column in self.columns
        }
        row = TypedDict("row", fields)  # type: ignore[misc]
        # What is unknown is kept, to be counted and named.
        return with_config(ConfigDict(extra="allow"))(row)

    @classmethod
    def read(cls, path: Path, day_field: str) -> "RowSchema":
        """Read the declaration from an `.avsc` file.

        Raises:
            InvalidSchemaError: It is not one; the text names the file.
        """
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")), day_field)
        except ValueError as error:
            raise InvalidSchemaError(f"{path.name}: {error}") from error

    @property
    def names(self) -> Sequence[str]:
        """The names of the columns, in order."""
        return [column.name for column in self.columns]

    def lineage(self, source: dg.AssetKey) -> dg.TableColumnLineage:
        """Say for the Dagster UI that each column comes from its namesake in another asset."""
        return dg.TableColumnLineage(
            {column.name: [dg.TableColumnDep(source, column.name)] for column in self.columns}
        )

    def table(self) -> dg.TableSchema:
        """Describe the columns for the Dagster UI."""
        return dg.TableSchema(
            [
                dg.TableColumn(
                    column.name,
                    column.kind,
                    description=column.doc,
                    constraints=dg.TableColumnConstraints(nullable=column.nullable),
                )
                for column in self.columns
            ]
        )


def _column(field: Mapping[str, Any], record: str) -> Column:
    name = field.get("name")
    place = f"{record}: field {name!r}"
    declared = field.get("type")
    branches = declared if isinstance(declared, list) else [declared]
    kinds = [_kind(branch) for branch in branches]
    values = [kind for kind in kinds if kind != "null"]
    if len(values) != 1 or len(kinds) - len(values) > 1 or values[0] not in _TYPES:
        raise InvalidSchemaError(
            f"{place} has the type {json.dumps(declared)}; what a feed can hold is "
            f"{', '.join(_TYPES)} (as a logical type of int), or a union of null and one of them"
        )
    if not name or not field.get("doc"):
        raise InvalidSchemaError(f"{place} needs a name, and a doc that says what it means")
    column = Column(
        str(name),
        values[0],
        nullable="null" in kinds,
        optional="default" in field,
        default=field.get("default"),
        doc=str(field["doc"]),
    )
    # Avro wants a default of the first type of a union
    # (https://avro.apache.org/docs/1.12.0/specification/#complex-types).
    if column.optional and not _fits(kinds[0], column.default):
        raise InvalidSchemaError(
            f"{place} has the default {json.dumps(column.default)}, which is not of the type "
            f"{kinds[0]} (of a union, the first one counts)"
        )
    return column


def _kind(branch: Any) -> str:
    if isinstance(branch, Mapping):
        logical = branch.get("type"), branch.get("logicalType")
        return "date" if logical == ("int", "date") else json.dumps(branch)
    return str(branch)


def _fits(kind: str, default: Any) -> bool:
    if kind == "null":
        return default is None
    try:
        # The default of a date is a number of days.
        TypeAdapter(_Int if kind == "date" else _TYPES[kind]).validate_python(default)
    except ValidationError:
        return False
    return True
