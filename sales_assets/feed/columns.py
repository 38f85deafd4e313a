"""A column of a row: its field in the Avro schema, and how its value is converted from JSON.

A field that is not fully supported, or that other Avro readers reject, is rejected by name.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BeforeValidator, Field, StrictBool, StrictStr
from pydantic_core import PydanticCustomError

from sales_assets.feed.days import parse_day
from sales_assets.feed.timestamps import EPOCH_UNITS, PRECISION, from_epoch, parse_timestamp

T = TypeVar("T")

_INT, _LONG = 2**31, 2**63
_LARGEST_FLOAT = 3.4028234663852886e38


def exact(value: T, bits: int = 53) -> T:
    """Reject an integer beyond 2**bits, which a float may change."""
    if isinstance(value, int) and abs(value) > 2**bits:
        raise PydanticCustomError(
            "inexact",
            f"Input should be a number that a float can hold exactly: an integer up to 2^{bits}",
        )
    return value


# Bounds that do not fit in a long, such as lt=2**63, take pydantic twice as long.
_Int = Annotated[int, Field(strict=True, ge=-_INT, le=_INT - 1)]
_Long = Annotated[int, Field(strict=True, ge=-_LONG, le=_LONG - 1)]
# JSON may write 5.0 as 5. Pydantic's strict float accepts any integer, and changes large ones.
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)] | _Long
_Float = Annotated[
    _Number,
    Field(ge=-_LARGEST_FLOAT, le=_LARGEST_FLOAT),
    BeforeValidator(partial(exact, bits=24)),
]
_Double = Annotated[_Number, BeforeValidator(exact)]


class InvalidSchemaError(ValueError):
    """A feed does not support this schema; the text names the field."""


class Type(NamedTuple):
    """The type of a value.

    Attributes:
        name: Its name, such as `string` or `timestamp-millis`.
        check: The type that pydantic validates a JSON value against.
        is_text: Whether it is a string in JSON.
        convert: Converts a validated value to its Avro value, or to None if it is invalid; None if
            there is nothing to convert.
        expected: What `convert` accepts, in words.
    """

    name: str
    check: Any
    is_text: bool = False
    convert: Callable[[Any], Any] | None = None
    expected: str = ""


class Column(NamedTuple):
    """A field of a row.

    Attributes:
        name: The field in Avro.
        key: The key in JSON.
        type: The type of its value.
        nullable: Whether it may also be null.
        optional: Whether a row may omit it; it is then null.
        doc: Its meaning.
    """

    name: str
    key: str
    type: Type
    nullable: bool
    optional: bool
    doc: str

    @property
    def check(self) -> Any:
        """The type that pydantic validates a value against."""
        return self.type.check | None if self.nullable else self.type.check


# A date stays text until `convert`: even strict pydantic parses "1660003200" as a date.
_DATE = Type("date", StrictStr, True, parse_day, "a date such as 2022-08-09")
_PLAIN = {
    "string": Type("string", StrictStr, is_text=True),
    "int": Type("int", _Int),
    "long": Type("long", _Long),
    "float": Type("float", _Float),
    "double": Type("double", _Double),
    "boolean": Type("boolean", StrictBool),
}
_LOGICAL = {
    "date": {"type": "int", "logicalType": "date"},
    **{name: {"type": "long", "logicalType": name} for name in PRECISION},
}
_SUPPORTED = ", ".join(
    [*_PLAIN, "enum", *(f"{name} ({json.dumps(written)})" for name, written in _LOGICAL.items())]
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def column_of(field: Any, record: str) -> Column:
    """Parse the declaration of a field, or raise InvalidSchemaError.

    In addition to Avro's attributes, `json` is its key in JSON if different, and `epoch` is the
    unit of a numeric timestamp: `seconds`, `milliseconds` or `microseconds` since 1970.
    """
    if not isinstance(field, Mapping):
        raise InvalidSchemaError(f"{record}: a field must be an object, not {_json(field)}")
    name = field.get("name")
    place = f"{record}: field {name!r}"
    require_name(name, place)
    doc = field.get("doc")
    if not isinstance(doc, str) or not doc.strip() or re.search(r"[\ud800-\udfff]", doc):
        raise InvalidSchemaError(f"{place} needs a doc that describes it")
    if "logicalType" in field:
        whole = {key: field.get(key) for key in ("type", "logicalType")}
        raise InvalidSchemaError(
            f"{place} has its logicalType next to the type, where Avro ignores it: write "
            f'"type": {_json(whole)}'
        )
    key = field.get("json", name)
    if not isinstance(key, str) or not key.isprintable():
        raise InvalidSchemaError(f"{place} has an invalid JSON key: {key!r}")
    return Column(str(name), key, *_type_of(field, place), "default" in field, doc)


def require_name(name: Any, place: str) -> None:
    """Require a name that all Avro readers accept."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidSchemaError(
            f"{place} needs a valid Avro name: ASCII letters, digits and _, not starting with a "
            'digit (for a different key in JSON, add "json")'
        )


def _type_of(field: Mapping[str, Any], place: str) -> tuple[Type, bool]:
    """Return the type of a field, and whether it may be null."""
    declared = field.get("type")
    branches = declared if isinstance(declared, list) else [declared]
    values = [branch for branch in branches if not _is_null(branch)]
    found = _branch(values[0], field.get("epoch"), place) if len(values) == 1 else None
    if found is None or len(branches) > 2:
        raise InvalidSchemaError(
            f"{place} has the type {_json(declared)}; supported types are {_SUPPORTED}, or a "
            "union of null and one of them"
        )
    if isinstance(declared, list) and len(branches) == 1:
        raise InvalidSchemaError(
            f"{place} is a union of one type, which other readers reject: write "
            f'"type": {_json(values[0])}'
        )
    # In Avro, a default has the first type of a union
    # (https://avro.apache.org/docs/1.12.0/specification/#complex-types).
    if "default" in field and (field["default"] is not None or not _is_null(branches[0])):
        raise InvalidSchemaError(
            f"{place} has the default {_json(field['default'])}; other readers accept only null, "
            f'and only if null comes first: write "type": ["null", {_json(values[0])}], '
            '"default": null'
        )
    return found, len(branches) == 2


def _is_null(branch: Any) -> bool:
    return branch in ("null", {"type": "null"})


def _branch(branch: Any, epoch: Any, place: str) -> Type | None:
    """Return the type of a branch of a union, if it is supported."""
    if isinstance(branch, Mapping) and branch.keys() == {"type"}:
        branch = branch["type"]
    name = next((name for name, written in _LOGICAL.items() if written == branch), None)
    if epoch is not None and (name not in PRECISION or epoch not in EPOCH_UNITS):
        raise InvalidSchemaError(
            f"{place} has the epoch {_json(epoch)}; it requires a timestamp type, and must be one "
            f"of {', '.join(EPOCH_UNITS)}"
        )
    if isinstance(branch, str):
        return _PLAIN.get(branch)
    if isinstance(branch, Mapping) and branch.get("type") == "enum":
        return _enum(branch, place)
    if name in PRECISION:
        return _timestamp(name, epoch)
    return _DATE if name else None


def _enum(branch: Mapping[str, Any], place: str) -> Type:
    require_name(branch.get("name"), f"{place}: its enum")
    symbols = branch.get("symbols")
    if not isinstance(symbols, list) or not symbols or len({*map(str, symbols)}) < len(symbols):
        raise InvalidSchemaError(f"{place}: its enum needs a list of unique symbols")
    for symbol in symbols:
        require_name(symbol, f"{place}: the symbol {symbol!r}")
    if "default" in branch:
        raise InvalidSchemaError(f"{place}: its enum has a default, but values are never replaced")
    return Type("enum", Literal[tuple(symbols)], is_text=True)


def _timestamp(name: str, epoch: str | None) -> Type:
    digits = PRECISION[name]
    precise = f"with at most {digits} fractional digits"
    if epoch is None:
        return Type(
            name,
            StrictStr,
            True,
            partial(parse_timestamp, digits=digits),
            f"a timestamp such as 2022-08-09T12:30:00Z or 2022-08-09T14:30:00+02:00, {precise}",
        )
    return Type(
        name,
        _Long,
        False,
        partial(from_epoch, unit=EPOCH_UNITS[epoch], digits=digits),
        f"{epoch} since 1970, up to the year 9999, {precise}",
    )


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
