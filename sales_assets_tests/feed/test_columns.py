"""Columns: what a field may declare, and how values come from JSON."""

import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from sales_assets.feed.columns import InvalidSchemaError, column_of

DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
ENUM = {"type": "enum", "name": "State", "symbols": ["paid", "open"]}
NOON = datetime.datetime(2022, 8, 9, 12, tzinfo=datetime.timezone.utc)


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, "doc": "Something.", **more}


def checked(declared: dict[str, Any], value: Any) -> Any:
    """Convert a value of a field as a row does."""
    kind: Any = column_of(declared, "T").check
    return TypeAdapter[Any](kind).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None, "\ud800"]),
        ({"type": "string"}, ["x"], [1]),
        ("int", [2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, 1.0, True, "1"]),
        ("long", [2**63 - 1, -(2**63)], [2**63, -(2**63) - 1, 1.0, True, "1"]),
        ("double", [0.5, 5, 2**53], [float("nan"), float("inf"), True, "0.5", 2**53 + 1, 10**400]),
        ("float", [0.5, 5, 2**24, 3e38], [float("nan"), 1e39, -1e39, True, "0.5", 2**24 + 1]),
        ("boolean", [True, False], [1, 0, "true", None]),
        (["null", "string"], [None, "x"], [1]),
        ([{"type": "null"}, "string"], [None, "x"], [1]),
        (ENUM, ["paid", "open"], ["PAID", "", 1, None]),
        (DATE, [], ["20220809", "2022-02-30", "2022-08-09T00:00:00", "soon", "", 1660003200]),
    ],
    ids=str,
)
def test_a_value_is_taken_as_it_is_or_refused(kind: Any, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert checked(field(kind), value) == value
    for value in bad:
        with pytest.raises(ValueError, match="validation error"):
            checked(field(kind), value)


@pytest.mark.parametrize(
    ("text", "later"),
    [
        ("2022-08-09T12:00:00Z", 0),
        ("2022-08-09t12:00:00z", 0),
        ("2022-08-09 12:00:00Z", 0),
        ("2022-08-09T06:30:00-05:30", 0),
        ("2022-08-10T00:00:00+12:00", 0),
        ("2022-08-09T12:00:00-00:00", 0),
        ("2022-08-09T12:00:00.5Z", 500_000),
        ("2022-08-09T12:00:00.000001Z", 1),
        ("2022-08-09T12:00:00.000001000Z", 1),
    ],
)
def test_a_text_of_rfc_3339_is_a_moment(text: str, later: int) -> None:
    moment = checked(field(MICROS), text)
    assert moment == NOON + datetime.timedelta(microseconds=later)
    assert moment.tzinfo == datetime.timezone.utc


@pytest.mark.parametrize(
    "text",
    [
        "2022-08-09T12:00:00",
        "2022-08-09T12:00Z",
        "2022-08-09T12:00:00.Z",
        "2022-08-09T12:00:00+0200",
        "2022-08-09T12:00:00+24:00",
        "2022-08-09T12:00:00+02:60",
        "2022-08-09T24:00:00Z",
        "2022-08-09T12:00:60Z",
        "2022-02-30T12:00:00Z",
        "2022-W32-2T12:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2022-08-09T12:00:00.0000001Z",
        " 2022-08-09T12:00:00Z",
        "2022-08-09T12:00:00Z\n",
        "\u0662022-08-09T12:00:00Z",
    ],
)
def test_any_other_text_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="a timestamp such as 2022-08-09T12:30:00Z"):
        checked(field(MICROS), text)


@pytest.mark.parametrize(
    ("epoch", "factor"), [("seconds", 1), ("milliseconds", 1000), ("microseconds", 1_000_000)]
)
def test_a_number_since_1970_is_a_moment_of_the_calendar(epoch: str, factor: int) -> None:
    declared = field(MILLIS, epoch=epoch)
    assert checked(declared, 1_660_046_400 * factor) == NOON
    assert checked(declared, -factor) == datetime.datetime.fromisoformat(
        "1969-12-31T23:59:59+00:00"
    )
    for number in (2**63 - 1, -(2**63)):
        with pytest.raises(ValueError, match="seconds since 1970, up to the year 9999"):
            checked(declared, number)


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (field(MILLIS), "2022-08-09T12:00:00.123Z", "2022-08-09T12:00:00.1234Z"),
        (field(MILLIS, epoch="microseconds"), 1_660_046_400_001_000, 1_660_046_400_000_001),
    ],
)
def test_a_moment_is_never_rounded(declared: Any, good: Any, bad: Any) -> None:
    assert checked(declared, good)
    with pytest.raises(ValueError, match="with at most 3 fractional digits"):
        checked(declared, bad)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (field("bytes"), r"field 'x' has the type .bytes.; supported types are string, int"),
        (field("date"), r'has the type .date..*"logicalType": "date"'),
        (field(["string", "long"]), r"a union of null and one of them"),
        (field(["string"]), 'a union of one type: write "type": "string"$'),
        (field({"type": {"type": "string"}}), "has the type"),
        (field(["null", "null", "long"]), "has the type"),
        (field("string", doc=""), "field 'x' needs a doc"),
        (field("string", doc="\ud800"), "field 'x' needs a doc"),
        (field("int", logicalType="date"), r'"type": {"type": "int", "logicalType": "date"}'),
        (field("long", default=1), r'write "type": ..null., "long".*"default": null$'),
        (field(["null", "long"], default=1), "has the default 1"),
        (field(["long", "null"], default=None), r'write "type": ..null., "long"'),
        (field({**ENUM, "symbols": ["a", "a"]}), "list of unique symbols"),
        (field({**ENUM, "symbols": ["a-b"]}), "enum with 'a-b', which needs a valid Avro name"),
        (field({"type": "enum", "symbols": ["a"]}), "enum with None, which needs a valid Avro"),
        (field({**ENUM, "default": "paid"}), "values are never replaced"),
        (field({"type": "long", "logicalType": "local-timestamp-millis"}), "has the type"),
        (field("long", epoch="seconds"), "is not a timestamp"),
        (field(MILLIS, epoch="days"), "not seconds, milliseconds, microseconds"),
        (field("string", json="\ud800"), "has an invalid JSON key"),
        ("x", "a field must be an object, not .x."),
    ],
)
def test_what_a_feed_cannot_do_is_refused_by_name(declared: Any, says: str) -> None:
    with pytest.raises(InvalidSchemaError, match=f"Thing: .*{says}"):
        column_of(declared, "Thing")


@pytest.mark.parametrize(
    "name", ["order-id", "größe", "1st", "", "a b", "a.b", "\ud800", None, 1], ids=repr
)
def test_a_name_that_avro_does_not_have_is_refused(name: object) -> None:
    with pytest.raises(InvalidSchemaError, match="ASCII letters, digits and _") as refused:
        column_of({**field("string"), "name": name}, "Thing")
    assert repr(name) in str(refused.value)
