"""A column of a row: its field in the Avro schema, and the type of its value in JSON.

A field that is not fully supported, or that other Avro readers reject, is rejected by name.
"""

import datetime
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool
from pydantic_core import PydanticCustomError

from sales_assets.feed.days import parse_day

T = TypeVar("T")

_LARGEST_FLOAT = 3.4028234663852886e38
_DIGITS = {"timestamp-millis": 3, "timestamp-micros": 6}
_MICROSECONDS = {"seconds": 1_000_000, "milliseconds": 1000, "microseconds": 1}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class InvalidSchemaError(ValueError):
    """A feed does not support this schema; the text names the field."""


def exact(value: T, bits: int = 53) -> T:
    """Reject an integer beyond 2**bits, which a float may change."""
    if isinstance(value, int) and abs(value) > 2**bits:
        raise PydanticCustomError(
            "inexact",
            f"Input should be a number that a float can hold exactly: an integer up to 2^{bits}",
        )
    return value


def _timestamp(text: str, digits: int) -> datetime.datetime | None:
    """Parse RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339), with so many fractional digits."""
    found = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})"
        rf"(?:\.([0-9]{{1,{digits}}})0*)?(?:[Zz]|([+-][0-9]{{2}}:[0-5][0-9]))",
        text,
    )
    if found is None:
        return None
    date, time, fraction, offset = found.groups(default="")
    local = datetime.datetime.fromisoformat(f"{date}T{time}.{fraction:0<6}{offset or '+00:00'}")
    return local.astimezone(datetime.timezone.utc)


def _from_epoch(number: int, unit: int, digits: int) -> datetime.datetime | None:
    """Convert a number since 1970 whose unit is so many microseconds; nothing is rounded."""
    if number * unit % 10 ** (6 - digits):
        return None
    return _EPOCH + datetime.timedelta(microseconds=number * unit)


def _converted(json_type: Any, convert: Callable[[Any], Any], expected: str) -> Any:
    """Return a type whose values are converted; None and these errors mean that one is invalid."""

    @lru_cache
    def converted(value: Any) -> Any:
        found = None
        with suppress(ValueError, OverflowError):
            found = convert(value)
        if found is None:
            raise PydanticCustomError("unconvertible", f"Input should be {expected}")
        return found

    return Annotated[json_type, AfterValidator(converted)]


# With a length, pydantic looks into a Python string, too, and rejects a lone surrogate.
_TEXT = Annotated[str, Field(strict=True, min_length=0)]
# Bounds that do not fit in a long, such as lt=2**63, take pydantic twice as long.
_LONG = Annotated[int, Field(strict=True, ge=-(2**63), le=2**63 - 1)]
# Even strict pydantic parses "1660003200" as a date.
_DATE = _converted(_TEXT, parse_day, "a date such as 2022-08-09")
_PLAIN: dict[str, Any] = {
    "string": _TEXT,
    "int": Annotated[int, Field(strict=True, ge=-(2**31), le=2**31 - 1)],
    "long": _LONG,
    "float": Annotated[
        float,
        Field(strict=True, allow_inf_nan=False, ge=-_LARGEST_FLOAT, le=_LARGEST_FLOAT),
        BeforeValidator(partial(exact, bits=24)),
    ],
    "double": Annotated[float, Field(strict=True, allow_inf_nan=False), BeforeValidator(exact)],
    "boolean": StrictBool,
}
_SUPPORTED = (
    f'{", ".join(_PLAIN)}, enum, date ({{"type": "int", "logicalType": "date"}}), timestamp-millis '
    '({"type": "long", "logicalType": "timestamp-millis"}), timestamp-micros, or a union of null '
    "and one of them"
)


class Column(NamedTuple):
    """A field of a row, with its `name` in Avro and its `key` in JSON.

    Attributes:
        type: The name of its type, such as `string` or `timestamp-millis`.
        check: The type that pydantic validates a JSON value against, and converts to Avro.
        is_text: Whether a value is a string in JSON.
        optional: Whether a row may omit it; it is then null.
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


def require_name(name: Any, subject: str = "") -> str:
    """Return a name if all Avro readers accept it, or raise InvalidSchemaError."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise InvalidSchemaError(
            f"{subject}needs a valid Avro name: ASCII letters, digits and _, not starting with a "
            'digit (for a different key in JSON, add "json")'
        )
    return name


def _column_of(field: Mapping[str, Any]) -> Column:
    declared: Any = field.get("type")
    doc, epoch = field.get("doc"), field.get("epoch")
    name = require_name(field.get("name"))
    key = field.get("json", name)
    if not isinstance(doc, str) or not doc.strip() or re.search(r"[\ud800-\udfff]", doc):
        raise InvalidSchemaError("needs a doc that describes it")
    if not isinstance(key, str) or not key.isprintable():
        raise InvalidSchemaError(f"has an invalid JSON key: {key!r}")
    if "logicalType" in field:
        whole = _json({"type": declared, "logicalType": field["logicalType"]})
        raise InvalidSchemaError(
            f'has its logicalType next to the type, where Avro ignores it: write "type": {whole}'
        )
    match declared:
        case ["null" | {"type": "null"}, branch] | [branch, "null" | {"type": "null"}]:
            nullable = True
        case [branch] if branch != "null":
            raise InvalidSchemaError(f'has a union of one type: write "type": {_json(branch)}')
        case branch:
            nullable = False
    type_name, check = _type_of(branch, epoch)
    # In Avro, a default has the first type of a union
    # (https://avro.apache.org/docs/1.12.0/specification/#complex-types).
    null_is_first = nullable and declared[1] is branch
    if "default" in field and (field["default"] is not None or not null_is_first):
        raise InvalidSchemaError(
            f"has the default {_json(field['default'])}; other readers accept only null, and only "
            f'if null comes first: write "type": ["null", {_json(branch)}], "default": null'
        )
    is_text = epoch is None and type_name not in ("int", "long", "float", "double", "boolean")
    check = check | None if nullable else check
    return Column(name, key, type_name, check, is_text, nullable, "default" in field, doc)


def _type_of(declared: Any, epoch: Any) -> tuple[str, Any]:
    match declared:
        case {"type": str(inner), **rest} if not rest:
            return _type_of(inner, epoch)
        case {"type": "long", "logicalType": str(name), **rest} if name in _DIGITS and not rest:
            return name, _timestamp_type(_DIGITS[name], epoch)
        case _ if epoch is not None:
            raise InvalidSchemaError(f"has the epoch {_json(epoch)}, but is not a timestamp")
        case str(name) if name in _PLAIN:
            return name, _PLAIN[name]
        case {"type": "int", "logicalType": "date", **rest} if not rest:
            return "date", _DATE
        case {"type": "enum"}:
            return "enum", Literal[_symbols_of(declared)]
    raise InvalidSchemaError(f"has the type {_json(declared)}; supported types are {_SUPPORTED}")


def _timestamp_type(digits: int, epoch: Any) -> Any:
    precise = f"with at most {digits} fractional digits"
    if epoch is None:
        example = "2022-08-09T12:30:00Z or 2022-08-09T14:30:00+02:00"
        parse = partial(_timestamp, digits=digits)
        return _converted(_TEXT, parse, f"a timestamp such as {example}, {precise}")
    if epoch not in _MICROSECONDS:
        raise InvalidSchemaError(f"has the epoch {_json(epoch)}, not {', '.join(_MICROSECONDS)}")
    convert = partial(_from_epoch, unit=_MICROSECONDS[epoch], digits=digits)
    return _converted(_LONG, convert, f"{epoch} since 1970, up to the year 9999, {precise}")


def _symbols_of(enum: Mapping[str, Any]) -> tuple[str, ...]:
    symbols = enum.get("symbols")
    if not isinstance(symbols, list) or not symbols or len({*map(str, symbols)}) < len(symbols):
        raise InvalidSchemaError("has an enum that needs a list of unique symbols")
    if "default" in enum:
        raise InvalidSchemaError("has an enum with a default, but values are never replaced")
    for name in [enum.get("name"), *symbols]:
        require_name(name, f"has an enum with {name!r}, which ")
    return tuple(symbols)


def _json(value: Any) -> str:
    return json.dumps(value, default=str)
