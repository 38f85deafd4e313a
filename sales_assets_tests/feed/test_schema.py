"""The declaration of a row: what follows from it, and what it cannot say."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.columns import InvalidSchemaError
from sales_assets.feed.schema import RowSchema

DATE = {"type": "int", "logicalType": "date"}
DAY = {"name": "day", "type": DATE, "doc": "The day."}


def declared(*fields: dict[str, Any]) -> RowSchema:
    """Declare a row of these fields and the day."""
    return RowSchema({"type": "record", "name": "Thing", "fields": [DAY, *fields]}, "day")


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, "doc": "Something.", **more}


@pytest.mark.parametrize(
    "fields",
    [[field("string", json="day")], [field("string"), {**field("string"), "name": "X"}]],
    ids=["one key", "only in case"],
)
def test_fields_that_are_alike_are_refused(fields: list[dict[str, Any]]) -> None:
    with pytest.raises(InvalidSchemaError, match=r"'(x|day)' appears twice, or .* only in case"):
        declared(*fields)


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    record = {"type": "record", "name": "Thing", "fields": [DAY]}
    for zone in ("Europe/Atlantis", "Europe", "../etc", "", "x" * 5000):
        with pytest.raises(InvalidSchemaError, match="unknown time zone"):
            RowSchema(record, "day", zone)


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], r"expected an Avro record, not \[\]"),
        ({"type": "record", "name": "Thing", "fields": {}}, "with a list of fields"),
        ({"type": "record", "name": "my-thing", "fields": [DAY]}, "the record 'my-thing' needs"),
        ({"type": "record", "name": "T", "namespace": "a-b", "fields": [DAY]}, "valid Avro name"),
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
    with pytest.raises(InvalidSchemaError, match="day_field is 'day', but must be a date"):
        RowSchema({"type": "record", "name": "Thing", "fields": [day]}, "day")


@pytest.mark.parametrize("content", ["{", '{"type": "enum"}'], ids=["no JSON", "no record"])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "things.avsc"
    path.write_text(content)
    with pytest.raises(InvalidSchemaError, match=r"^things\.avsc: "):
        RowSchema.read(path, "day")


def test_dagster_is_told_the_columns_and_where_they_come_from() -> None:
    schema = declared(field(["null", "long"]))
    nullable = dg.TableColumnConstraints(nullable=True)
    assert schema.table().columns[1] == dg.TableColumn("x", "int64", "Something.", nullable)
    source = dg.AssetKey("raw_things")
    assert schema.lineage(source).deps_by_column["x"] == [dg.TableColumnDep(source, "x")]
