"""A column of a row: its field in the Avro schema, and the type of its value in JSON.

A field that is not fully supported, or that other Avro readers reject, is rejected by name.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool
from pydantic_core import PydanticCustomError

from sales_assets.feed.days import parse_day
from sales_assets.feed.timestamps import EPOCH_UNITS, PRECISION, from_epoch, parse_timestamp

T = TypeVar("T")

_LARGEST_FLOAT = 3.4028234663852886e38


def exact(value: T, bits: int = 53) -> T:
    """Reject an integer beyond 2**bits, which a float may change."""
    if isinstance(value, int) and abs(value) > 2**bits:
        raise PydanticCustomError(
            "inexact",
            f"Input should be a number that a float can hold exactly: an integer up to 2^{bits}",
        )
    return value


def _converted(convert: Callable[[Any], Any], expected: str) -> AfterValidator:
    """Convert a valid JSON value to its Avro value; None means that there is none."""

    def converted(value: Any) -> Any:
        found = convert(value)
        if found is None:
            raise PydanticCustomError("unconvertible", f"Input should be {expected}")
        return found

    return AfterValidator(lru_cache(converted))


# With a length, pydantic looks into a Python string, too, and rejects a lone surrogate.
_Text = Annotated[str, Field(strict=True, min_length=0)]
# Bounds that do not fit in a long, such as lt=2**63, take pydantic twice as long.
_Long = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
_CHECKS: dict[str, Any] = {
    "string": _Text,
    "int": Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)],
    "long": _Long,
    "float": Annotated[
        float,
        Field(strict=True, allow_inf_nan=False, ge=-_LARGEST_FLOAT, le=_LARGEST_FLOAT),
        BeforeValidator(partial(exact, bits=24)),
    ],
    "double": Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(exact)],
    "boolean": StrictBool,
}
# Even strict pydantic parses "1660003200" as a date.
_Date = Annotated[_Text, _converted(parse_day, "a date such as 2022-08-09")]
_SUPPORTED = (
    f'{", ".join(_CHECKS)}, enum, date ({{"type": "int", "logicalType": "date"}}), '
    'timestamp-millis ({"type": "long", "logicalType": "timestamp-millis"}), timestamp-micros '
    "(likewise), or a union of null and one of them"
)


class InvalidSchemaError(ValueError):
    """A feed does not support this schema; the text names the field."""


class Column(NamedTuple):
    """A field of a row.

    Attributes:
        name: The field in Avro.
        key: The key in JSON.
        type: The name of its type, such as `string` or `timestamp-millis`.
        check: The type that pydantic validates a JSON value against, and converts to Avro.
        is_text: Whether a value is a string in JSON.
        nullable: Whether it may also be null.
        optional: Whether a row may omit it; it is then null.
        doc: Its meaning.
    """

    name: str
    key: str
    type: str
    check: Any
    is_text: bool
    nullable: bool
    optional: bool
    doc: str


def column_of(field: Any, record: str) -> Column:
    """Parse the declaration of a field, or raise InvalidSchemaError.

    In addition to Avro's attributes, `json` is its key in JSON if different, and `epoch` is the
    unit of a numeric timestamp: `seconds`, `milliseconds` or `microseconds` since 1970.
    """
    if not isinstance(field, Mapping):
        raise InvalidSchemaError(f"{record}: a field must be an object, not {_json(field)}")
    try:
        return _column_of(field)
    except InvalidSchemaError as error:
        raise InvalidSchemaError(f"{record}: field {field.get('name')!r} {error}") from None


def require_name(name: Any, subject: str = "") -> None:
    """Require a name that all Avro readers accept."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InvalidSchemaError(
            f"{subject}needs a valid Avro name: ASCII letters, digits and _, not starting with a "
            'digit (for a different key in JSON, add "json")'
        )


def _column_of(field: Mapping[str, Any]) -> Column:
    name, doc, declared = field.get("name"), field.get("doc"), field.get("type")
    require_name(name)
    if not isinstance(doc, str) or not doc.strip() or re.search(r"[\ud800-\udfff]", doc):
        raise InvalidSchemaError("needs a doc that describes it")
    key = field.get("json", name)
    if not isinstance(key, str) or not key.isprintable():
        raise InvalidSchemaError(f"has an invalid JSON key: {key!r}")
    if "logicalType" in field:
        whole = {"type": declared, "logicalType": field["logicalType"]}
        raise InvalidSchemaError(
            f'has its logicalType next to the type, where Avro ignores it: write "type": '
            f"{_json(whole)}"
        )
    branches = declared if isinstance(declared, list) else [declared]
    values = [branch for branch in branches if not _is_null(branch)]
    is_one_type = len(values) == 1 and len(branches) <= 2
    kind, check = _type_of(values[0] if is_one_type else declared)
    nullable = len(branches) == 2
    if isinstance(declared, list) and not nullable:
        raise InvalidSchemaError(
            f'is a union of one type, which other readers reject: write "type": {_json(values[0])}'
        )
    # In Avro, a default has the first type of a union
    # (https://avro.apache.org/docs/1.12.0/specification/#complex-types).
    if "default" in field and (field["default"] is not None or not _is_null(branches[0])):
        raise InvalidSchemaError(
            f"has the default {_json(field['default'])}; other readers accept only null, and only "
            f'if null comes first: write "type": ["null", {_json(values[0])}], "default": null'
        )
    epoch = field.get("epoch")
    if epoch is not None:
        check = _epoch_check(kind, epoch)
    return Column(
        name=str(name),
        key=key,
        type=kind,
        check=check | None if nullable else check,
        is_text=epoch is None and kind not in ("int", "long", "float", "double", "boolean"),
        nullable=nullable,
        optional="default" in field,
        doc=doc,
    )


def _is_null(branch: Any) -> bool:
    return branch in ("null", {"type": "null"})


def _type_of(declared: Any) -> tuple[str, Any]:
    """Return the name of a type, and what pydantic validates a value against."""
    match declared:
        case {"type": inner, **rest} if not rest:
            return _type_of(inner)
        case str() if declared in _CHECKS:
            return declared, _CHECKS[declared]
        case {"type": "int", "logicalType": "date", **rest} if not rest:
            return "date", _Date
        case {"type": "long", "logicalType": str(name), **rest} if name in PRECISION and not rest:
            digits = PRECISION[name]
            expected = (
                "a timestamp such as 2022-08-09T12:30:00Z or 2022-08-09T14:30:00+02:00, with at "
                f"most {digits} fractional digits"
            )
            parse = _converted(partial(parse_timestamp, digits=digits), expected)
            return name, Annotated[_Text, parse]
        case {"type": "enum"}:
            return "enum", Literal[_symbols_of(declared)]
    raise InvalidSchemaError(f"has the type {_json(declared)}; supported types are {_SUPPORTED}")


def _symbols_of(enum: Mapping[str, Any]) -> tuple[str, ...]:
    require_name(enum.get("name"), "has an enum that ")
    symbols = enum.get("symbols")
    if not isinstance(symbols, list) or not symbols or len({*map(str, symbols)}) < len(symbols):
        raise InvalidSchemaError("has an enum that needs a list of unique symbols")
    for symbol in symbols:
        require_name(symbol, f"has the symbol {symbol!r}, which ")
    if "default" in enum:
        raise InvalidSchemaError("has an enum with a default, but values are never replaced")
    return tuple(symbols)


def _epoch_check(kind: str, unit: Any) -> Any:
    if kind not in PRECISION or unit not in EPOCH_UNITS:
        raise InvalidSchemaError(
            f"has the epoch {_json(unit)}; it requires a timestamp type, and must be one of "
            f"{', '.join(EPOCH_UNITS)}"
        )
    digits = PRECISION[kind]
    convert = partial(from_epoch, unit=EPOCH_UNITS[unit], digits=digits)
    expected = f"{unit} since 1970, up to the year 9999, with at most {digits} fractional digits"
    return Annotated[_Long, _converted(convert, expected)]


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
