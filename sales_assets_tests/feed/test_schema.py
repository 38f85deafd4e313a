"""The declaration of a row: what follows from it, and what it cannot say."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from sales_assets.feed.columns import InvalidSchemaError
from sales_assets.feed.schema import RowSchema

DATE = {"type": "int", "logicalType": "date"}
DAY = {"name": "day", "type": DATE, "doc": "The day."}


def field(kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": "x", "type": kind, "doc": "Something.", **more}


def record(*fields: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Write a record of the day and these fields, with something changed."""
    return {"type": "record", "name": "Thing", "fields": [DAY, *fields], **changes}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], r"expected an Avro record, not \[\]"),
        (record(fields={}), "with a list of fields"),
        (record(name="my-thing"), "the record 'my-thing' needs"),
        (record(namespace="a-b"), "valid Avro name"),
        (record(field("string", json="day")), "'day' appears twice, or"),
        (
            record(field("string"), field("string", name="X")),
            "differs from another field only in case",
        ),
        (record(fields=[field(DATE)]), "day_field is 'day', but must be a date"),
        (record(fields=[{**DAY, "type": "string"}]), "must be a date"),
        (record(fields=[{**DAY, "type": ["null", DATE]}]), "must be a date"),
    ],
)
def test_what_is_no_record_of_a_day_is_refused(schema: Any, says: str) -> None:
    with pytest.raises(InvalidSchemaError, match=says):
        RowSchema(schema, "day")


def test_a_time_zone_that_does_not_exist_is_refused() -> None:
    for zone in ("Europe/Atlantis", "Europe", "../etc", "", "x" * 5000):
        with pytest.raises(InvalidSchemaError, match="unknown time zone"):
            RowSchema(record(), "day", zone)


@pytest.mark.parametrize("content", ["{", '{"type": "enum"}'], ids=["no JSON", "no record"])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "things.avsc"
    path.write_text(content)
    with pytest.raises(InvalidSchemaError, match=r"^things\.avsc: "):
        RowSchema.read(path, "day")


def test_dagster_is_told_the_columns_and_where_they_come_from() -> None:
    schema = RowSchema(record(field(["null", "long"])), "day")
    nullable = dg.TableColumnConstraints(nullable=True)
    assert schema.table().columns[1] == dg.TableColumn("x", "int64", "Something.", nullable)
    source = dg.AssetKey("raw_things")
    assert schema.lineage(source).deps_by_column["x"] == [dg.TableColumnDep(source, "x")]


def test_unknown_fields_of_a_page_take_no_memory_each() -> None:
    fields = ", ".join(f'"unknown{number}": 1' for number in range(100))
    with pytest.raises(ValidationError) as invalid:
        RowSchema(record(), "day").page(f"[{{{fields}}}, {{}}]".encode())
    assert invalid.value.error_count() == 1
