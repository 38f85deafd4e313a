"""Columns: what a field may declare, and how values come from JSON."""

import datetime
from typing import Any

import pytest
from pydantic import TypeAdapter

from sales_assets.feed.columns import InvalidSchemaError, column_of

DATE = {"type": "int", "logicalType": "date"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
ENUM = {"type": "enum", "name": "State", "symbols": ["paid", "open"]}


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, "doc": "Something.", **more}


def test_a_type_may_be_written_as_an_object() -> None:
    assert column_of(field({"type": "string"}), "T") == column_of(field("string"), "T")


def test_the_key_in_json_may_be_one_that_avro_does_not_have() -> None:
    column = column_of(field("string", json="größe-1"), "T")
    assert (column.name, column.key) == ("x", "größe-1")


@pytest.mark.parametrize(
    ("declared", "value", "converted"),
    [
        (field(DATE), "2022-08-09", datetime.date(2022, 8, 9)),
        (field(DATE), "20220809", None),
        (field(MILLIS), "2022-08-09T02:00:00+02:00", datetime.datetime(2022, 8, 9)),
        (field(MILLIS), "2022-08-09T02:00:00", None),
        (field(MILLIS, epoch="seconds"), 1660003200, datetime.datetime(2022, 8, 9)),
        (field(MILLIS, epoch="microseconds"), 1, None),
    ],
)
def test_a_value_is_converted_in_full_or_not_at_all(
    declared: Any, value: Any, converted: datetime.date | None
) -> None:
    kind: Any = column_of(declared, "T").check
    check = TypeAdapter[Any](kind).validate_python
    if converted is None:
        with pytest.raises(ValueError, match="Input should be"):
            check(value)
        return
    if isinstance(converted, datetime.datetime):
        converted = converted.replace(tzinfo=datetime.timezone.utc)
    assert check(value) == converted


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None, "\ud800"]),
        ("int", [2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, 1.0, True, "1"]),
        ("long", [2**63 - 1, -(2**63)], [2**63, -(2**63) - 1, 1.0, True, "1"]),
        ("double", [0.5, 5, 2**53], [float("nan"), float("inf"), True, "0.5", 2**53 + 1, 10**400]),
        ("float", [0.5, 5, 2**24, 3e38], [float("nan"), 1e39, -1e39, True, "0.5", 2**24 + 1]),
        ("boolean", [True, False], [1, 0, "true", None]),
        (["null", "string"], [None, "x"], [1]),
        (ENUM, ["paid", "open"], ["PAID", "", 1, None]),
    ],
    ids=str,
)
def test_a_value_is_taken_as_it_is_or_refused(kind: Any, good: list[Any], bad: list[Any]) -> None:
    column = column_of(field(kind), "Thing")
    check = TypeAdapter[Any](column.check).validate_python
    for value in good:
        assert check(value) == value
    for value in bad:
        with pytest.raises(ValueError, match="validation error"):
            check(value)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (field("bytes"), r"field 'x' has the type .bytes.; supported types are string, int"),
        (field("date"), r'has the type .date..*"logicalType": "date"'),
        (field({"type": "int", "logicalType": "time-millis"}), "has the type .*time-millis"),
        (field(["string", "long"]), r"a union of null and one of them"),
        (field(["null"]), "has the type"),
        (field(["null", "null", "long"]), "has the type"),
        (field(["string"]), 'union of one type, .*: write "type": "string"$'),
        (field("string", doc=""), "field 'x' needs a doc"),
        (field("string", doc=["a"]), "field 'x' needs a doc"),
        (field("string", doc="\ud800"), "field 'x' needs a doc"),
        (
            field("int", logicalType="date"),
            r'write "type": {"type": "int", "logicalType": "date"}',
        ),
        (field("long", default=1), r'write "type": ..null., "long".*"default": null$'),
        (field("long", default="1"), "has the default .1."),
        (field(["null", "long"], default=1), "has the default 1"),
        (field(["long", "null"], default=None), r'write "type": ..null., "long"'),
        (field(DATE, default=0), r'write "type": ..null., {"type": "int"'),
        (field({**ENUM, "symbols": []}), "needs a list of unique symbols"),
        (field({**ENUM, "symbols": ["a", "a"]}), "list of unique symbols"),
        (field({**ENUM, "symbols": ["a-b"]}), "the symbol 'a-b', which needs a valid Avro name"),
        (field({"type": "enum", "symbols": ["a"]}), "an enum that needs a valid Avro name"),
        (field({**ENUM, "default": "paid"}), "values are never replaced"),
        (field({"type": "long", "logicalType": "local-timestamp-millis"}), "has the type"),
        (field("long", epoch="seconds"), "it requires a timestamp type"),
        (field(MILLIS, epoch="days"), "one of seconds, milliseconds, microseconds"),
        (field("string", json="\ud800"), "has an invalid JSON key"),
        (field("string", json=7), "has an invalid JSON key"),
        ("x", "a field must be an object, not .x."),
        ([field("string")], "a field must be an object"),
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
