"""The one declaration of a row: its Avro schema, and what follows from it.

From the schema come the types that pydantic checks a row against, the columns that Dagster shows,
and the schema that fastavro writes. A schema that says something that is not supported all the way,
or that other readers of Avro refuse, is rejected when its module is imported.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
from pydantic import (
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StrictBool,
    StrictStr,
    TypeAdapter,
    with_config,
)
from typing_extensions import NotRequired, TypedDict

from sales_assets.feed.numbers import exact

_INT, _LONG = 2**31, 2**63
_LARGEST_FLOAT = 3.4028234663852886e38

# Bounds that are no longs themselves, such as an lt=2**63, take pydantic twice the time.
_Int = Annotated[int, Field(strict=True, ge=-_INT, le=_INT - 1)]
_Long = Annotated[int, Field(strict=True, ge=-_LONG, le=_LONG - 1)]
# JSON writes 5.0 as 5, too. Pydantic's strict float takes any integer, and changes large ones.
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | _Long
_Float = Annotated[
    _Number,
    Field(ge=-_LARGEST_FLOAT, le=_LARGEST_FLOAT),
    BeforeValidator(partial(exact, bits=24)),
]
_Double = Annotated[_Number, BeforeValidator(exact)]

_TYPES: Mapping[str, Any] = {
    "string": StrictStr,
    "int": _Int,
    "long": _Long,
    "float": _Float,
    "double": _Double,
    "boolean": StrictBool,
    # A date stays text until it has been looked at: pydantic takes "1660003200" for a date even
    # when it is strict.
    "date": StrictStr,
}
_LOGICAL = {'{"logicalType": "date", "type": "int"}': "date"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class InvalidSchemaError(ValueError):
    """A schema says something that a feed cannot do; the text names the field."""


class Column(NamedTuple):
    """A field of a row.

    Attributes:
        name: The key in JSON, and the field in Avro.
        kind: One of `string`, `int`, `long`, `float`, `double`, `boolean`, `date`.
        nullable: Whether it may be null.
        optional: Whether a row may lack it, and is then null.
        doc: What it means.
    """

    name: str
    kind: str
    nullable: bool
    optional: bool
    doc: str

    @property
    def type(self) -> Any:
        """What pydantic checks a value against."""
        return _TYPES[self.kind] | None if self.nullable else _TYPES[self.kind]


class RowSchema:
    """The declaration of a row.

    Attributes:
        avro: The Avro schema, a record.
        columns: Its fields, in order.
        day_field: The column that holds the day of the partition.
        page: Checks a whole page and gives its rows, unknown fields included.
        row: Checks one row.

    Args:
        avro: An Avro record of fields of the types `string`, `int`, `long`, `float`, `double`,
            `boolean` and `date`, or a union of null and one of them; each with a `doc`.
        day_field: A `date` that is always there.

    Raises:
        InvalidSchemaError: The schema says something else.
    """

    def __init__(self, avro: Mapping[str, Any], day_field: str) -> None:
        if not isinstance(avro, Mapping):
            raise InvalidSchemaError(f"an Avro record is expected, not {_json(avro)}")
        name, fields = avro.get("name"), avro.get("fields")
        if avro.get("type") != "record" or not isinstance(fields, list) or not fields:
            raise InvalidSchemaError(f"{name}: an Avro record with a list of fields is expected")
        for part in [name, *str(avro.get("namespace", "_")).split(".")]:
            _require_name(part, f"the record {name!r}")
        self.avro = dict(avro)
        self.columns = [_column(field, f"{name}: ") for field in fields]
        counts = Counter(column.name.lower() for column in self.columns)
        for column in self.columns:
            if counts[column.name.lower()] > 1:
                raise InvalidSchemaError(
                    f"{name}: field {column.name!r} is there twice, or differs from another field "
                    "only in case, which other readers do not tell apart: rename one of them"
                )
        day = next((column for column in self.columns if column.name == day_field), None)
        if day is None or day.kind != "date" or day.nullable:
            raise InvalidSchemaError(
                f"{name}: the day is in {day_field!r}, which has to be a field of the type date, "
                "not null and without a default"
            )
        self.day_field = day_field
        row = self._type()
        self.row: Callable[[Any], Any] = TypeAdapter(row).validate_python
        # The errors of a page of which no row is valid would take many times its memory.
        rows: Any = Annotated[list[row], FailFast()]  # type: ignore[valid-type]
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


def _column(field: Any, record: str) -> Column:
    if not isinstance(field, Mapping):
        raise InvalidSchemaError(f"{record}a field is an object, not {_json(field)}")
    name = field.get("name")
    place = f"{record}field {name!r}"
    _require_name(name, place)
    if not field.get("doc"):
        raise InvalidSchemaError(f"{place} needs a doc that says what it means")
    if "logicalType" in field:
        raise InvalidSchemaError(
            f"{place} has its logicalType beside the type, where Avro ignores it: write "
            f'"type": {_json({key: field.get(key) for key in ("type", "logicalType")})}'
        )
    declared = field.get("type")
    kinds = [_kind(branch) for branch in (declared if isinstance(declared, list) else [declared])]
    values = [kind for kind in kinds if kind != "null"]
    if len(values) != 1 or len(kinds) > 2 or values[0] not in _TYPES:
        raise InvalidSchemaError(
            f"{place} has the type {_json(declared)}; a feed can hold {', '.join(_TYPES)}, "
            f"or a union of null and one of them; a date is {next(iter(_LOGICAL))}"
        )
    if isinstance(declared, list) and len(kinds) == 1:
        raise InvalidSchemaError(
            f"{place} is a union of one type, which other readers refuse: write "
            f'"type": {_json(declared[0])}'
        )
    # Avro wants a default of the first type of a union
    # (https://avro.apache.org/docs/1.12.0/specification/#complex-types).
    if "default" in field and (kinds[0] != "null" or field["default"] is not None):
        raise InvalidSchemaError(
            f"{place} has the default {_json(field['default'])}; other readers take none but "
            f'null, and only if null comes first: write "type": ["null", '
            f'{_json(_value_branch(declared))}], "default": null'
        )
    return Column(str(name), values[0], "null" in kinds, "default" in field, str(field["doc"]))


def _json(value: Any) -> str:
    return json.dumps(value, default=str)


def _require_name(name: Any, place: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSchemaError(
            f"{place} needs a name that Avro has: ASCII letters, digits and _, and no digit first"
        )


def _kind(branch: Any) -> str:
    """Give the name of a type, or its JSON if it has none here."""
    if isinstance(branch, Mapping) and branch.keys() == {"type"}:
        branch = branch["type"]
    if isinstance(branch, str) and branch not in _LOGICAL.values():
        return branch
    text = json.dumps(branch, sort_keys=True, default=str)
    return _LOGICAL.get(text, text)


def _value_branch(declared: Any) -> Any:
    branches = declared if isinstance(declared, list) else [declared]
    return next(branch for branch in branches if _kind(branch) != "null")
