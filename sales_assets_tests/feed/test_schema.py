"""The declaration of a row: what follows from it, and what it cannot say."""

import datetime
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.schema import InvalidSchemaError, RowSchema

DATE = {"type": "int", "logicalType": "date"}
DAY = {"name": "day", "type": DATE, "doc": "The day."}


def declared(*fields: dict[str, Any]) -> RowSchema:
    """Declare a row of these fields and the day."""
    return RowSchema({"type": "record", "name": "Thing", "fields": [DAY, *fields]}, "day")


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, "doc": "Something.", **more}


def test_a_column_is_what_its_field_says() -> None:
    schema = declared(field(["null", "double"], default=None))
    assert schema.names == ["day", "x"]
    column = schema.columns[1]
    assert (column.kind, column.nullable, column.optional, column.missing, column.doc) == (
        *("double", True, True, None),
        "Something.",
    )


def test_the_default_of_a_date_is_a_number_of_days() -> None:
    [_, column] = declared(field(DATE, default=2)).columns
    assert column.missing == datetime.date(1970, 1, 3)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None]),
        ("int", [2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, 1.0, True, "1"]),
        ("long", [2**63 - 1, -(2**63)], [2**63, -(2**63) - 1, 1.0, True, "1"]),
        ("double", [0.5, 5, 2**53], [float("nan"), float("inf"), True, "0.5", 2**53 + 1]),
        ("boolean", [True, False], [1, 0, "true", None]),
        (["null", "string"], [None, "x"], [1]),
    ],
    ids=str,
)
def test_a_value_is_taken_as_it_is_or_refused(kind: Any, good: list[Any], bad: list[Any]) -> None:
    schema = declared(field(kind))
    for value in good:
        assert schema.row({"day": "", "x": value})["x"] is value
    for value in bad:
        with pytest.raises(ValueError, match="x"):
            schema.row({"day": "", "x": value})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ([field("bytes")], r"field 'x' has the type .bytes.; what a feed can hold is string, int"),
        ([field({"type": "int", "logicalType": "time-millis"})], "has the type .*time-millis"),
        ([field(["string", "long"])], r"a union of null and one of them"),
        ([field(["null"])], "has the type"),
        ([field("string", doc="")], "field 'x' needs a name, and a doc"),
        ([field("string", name="")], "needs a name"),
        ([field("string"), field("long")], "two fields have the same name"),
        ([field("long", default="1")], r"has the default .1., which is not of the type long"),
        ([field(["null", "long"], default=1)], "not of the type null"),
        ([field(["long", "null"], default=None)], "not of the type long"),
        ([field(DATE, default="1970-01-01")], "not of the type date"),
    ],
)
def test_what_a_feed_cannot_do_is_refused_by_name(fields: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InvalidSchemaError, match=f"Thing: .*{says}"):
        declared(*fields)


@pytest.mark.parametrize(
    "day",
    [
        {"name": "other", "type": DATE, "doc": "A day."},
        {**DAY, "type": "string"},
        {**DAY, "type": ["null", DATE]},
        {**DAY, "default": 0},
    ],
    ids=["not there", "a text", "maybe null", "with a default"],
)
def test_the_day_is_a_date_that_is_always_there(day: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchemaError, match="the day is in 'day', which has to be a field"):
        RowSchema({"type": "record", "name": "Thing", "fields": [day]}, "day")


@pytest.mark.parametrize("content", ["{", '{"type": "enum"}'], ids=["no JSON", "no record"])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "things.avsc"
    path.write_text(content)
    with pytest.raises(InvalidSchemaError, match=r"^things\.avsc: "):
        RowSchema.read(path, "day")


def test_a_file_is_read_as_it_is_declared(tmp_path: Path) -> None:
    path = tmp_path / "things.avsc"
    path.write_text(json.dumps(declared(field("long")).avro))
    assert RowSchema.read(path, "day").columns == declared(field("long")).columns


def test_dagster_is_told_the_columns_and_where_they_come_from() -> None:
    schema = declared(field(["null", "long"]))
    x = schema.table().columns[1]
    assert (x.name, x.type, x.description, x.constraints.nullable) == (
        *("x", "long", "Something."),
        True,
    )
    source = dg.AssetKey("raw_things")
    assert schema.lineage(source).deps_by_column["x"] == [dg.TableColumnDep(source, "x")]
