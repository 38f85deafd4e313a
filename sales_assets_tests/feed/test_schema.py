"""The declaration of a row: what follows from it, and what it cannot say."""

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
    assert column == ("x", "double", True, True, "Something.")


def test_a_type_may_be_written_as_an_object() -> None:
    assert declared(field({"type": "string"})).columns == declared(field("string")).columns


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", ["", "x"], [1, None]),
        ("int", [2**31 - 1, -(2**31)], [2**31, -(2**31) - 1, 1.0, True, "1"]),
        ("long", [2**63 - 1, -(2**63)], [2**63, -(2**63) - 1, 1.0, True, "1"]),
        ("double", [0.5, 5, 2**53], [float("nan"), float("inf"), True, "0.5", 2**53 + 1]),
        ("float", [0.5, 5, 2**24, 3e38], [float("nan"), 1e39, -1e39, True, "0.5", 2**24 + 1]),
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
        ([field("bytes")], r"field 'x' has the type .bytes.; a feed can hold string, int"),
        ([field("date")], r'has the type .date..*"logicalType": "date"'),
        ([field({"type": "int", "logicalType": "time-millis"})], "has the type .*time-millis"),
        ([field(["string", "long"])], r"a union of null and one of them"),
        ([field(["null"])], "has the type"),
        ([field(["null", "null", "long"])], "has the type"),
        ([field(["string"])], 'union of one type, .*: write "type": "string"$'),
        ([field("string", doc="")], "field 'x' needs a doc"),
        ([field("string"), field("long")], "field 'x' is there twice"),
        (
            [field("int", logicalType="date")],
            r'write "type": {"type": "int", "logicalType": "date"}',
        ),
        ([field("long", default=1)], r'write "type": ..null., "long".*"default": null$'),
        ([field("long", default="1")], "has the default .1."),
        ([field(["null", "long"], default=1)], "has the default 1"),
        ([field(["long", "null"], default=None)], r'write "type": ..null., "long"'),
        ([field(DATE, default=0)], r'write "type": ..null., {"type": "int"'),
        (["x"], "a field is an object, not .x."),
        ([[field("string")]], "a field is an object"),
    ],
)
def test_what_a_feed_cannot_do_is_refused_by_name(fields: list[Any], says: str) -> None:
    with pytest.raises(InvalidSchemaError, match=f"Thing: .*{says}"):
        declared(*fields)


@pytest.mark.parametrize(
    "name", ["order-id", "größe", "1st", "", "a b", "a.b", "\ud800", None, 1], ids=repr
)
def test_a_name_that_avro_does_not_have_is_refused(name: object) -> None:
    with pytest.raises(InvalidSchemaError, match="ASCII letters, digits and _") as refused:
        declared({**field("string"), "name": name})
    assert repr(name) in str(refused.value)


def test_names_that_differ_only_in_case_are_refused() -> None:
    with pytest.raises(InvalidSchemaError, match=r"'x' .*only in case"):
        declared(field("string"), {**field("string"), "name": "X"})


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], r"an Avro record is expected, not \[\]"),
        ("record", 'not "record"'),
        ({"type": "record", "name": "Thing", "fields": {}}, "with a list of fields"),
        ({"type": "record", "name": "Thing", "fields": []}, "with a list of fields"),
        ({"type": "record", "name": "my-thing", "fields": [DAY]}, "the record 'my-thing' needs"),
        ({"type": "record", "fields": [DAY]}, "the record None needs a name"),
        ({"type": "record", "name": "T", "namespace": "a-b", "fields": [DAY]}, "needs a name"),
    ],
)
def test_what_is_no_record_is_refused(schema: Any, says: str) -> None:
    with pytest.raises(InvalidSchemaError, match=says):
        RowSchema(schema, "day")


@pytest.mark.parametrize(
    "day",
    [
        {"name": "other", "type": DATE, "doc": "A day."},
        {**DAY, "type": "string"},
        {**DAY, "type": ["null", DATE]},
    ],
    ids=["not there", "a text", "maybe null"],
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
