"""The Avro schema: old files stay readable, and other readers find the types it promises."""

import copy
import datetime
from pathlib import Path
from typing import Any

import pytest
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException
from upath import UPath

from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets_tests.helpers.rows import DAY

DATE = datetime.date.fromisoformat(DAY)
OLD_FILES = sorted((Path(__file__).parent / "old_files").glob("version_*.avro"))
ROWS = [
    {"client": "Ada Byron", "purchase_date": DATE, "product": "TV", "price": 900},
    {
        "client": "Zoë Ångström",
        "purchase_date": DATE,
        "product": "coffee machine",
        "price": -(2**63),
    },
]


def read(schema: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    return list(AvroFile(schema).read([UPath(path)]))


def breaks(schema: dict[str, Any], path: Path) -> bool:
    """Whether this schema cannot give back all that is in an old file."""
    try:
        rows = read(schema, path)
    except (SchemaResolutionError, SchemaParseException, TypeError, ValueError):
        return True
    return [{name: row.get(name) for name in ROWS[0]} for row in rows] != ROWS


def changed(**fields: Any) -> dict[str, Any]:
    """The schema with fields added, replaced, or (None) taken away."""
    schema = copy.deepcopy(SALE.avro)
    by_name = {field["name"]: field for field in schema["fields"]} | fields
    schema["fields"] = [field for field in by_name.values() if field]
    return schema


@pytest.mark.parametrize("path", OLD_FILES, ids=lambda path: path.stem)
def test_files_of_every_version_are_read_in_full(path: Path) -> None:
    assert OLD_FILES
    assert not breaks(SALE.avro, path)


@pytest.mark.parametrize(
    ("fields", "is_broken"),
    [
        ({"shop": {"name": "shop", "type": "string"}}, True),
        ({"shop": {"name": "shop", "type": "string", "default": ""}}, False),
        ({"shop": {"name": "shop", "type": ["null", "string"], "default": None}}, False),
        ({"price": None}, True),
        ({"price": {"name": "price", "type": "int"}}, True),
        ({"price": {"name": "price", "type": "string"}}, True),
        ({"price": {"name": "amount", "type": "long"}}, True),
    ],
    ids=str,
)
def test_a_change_of_the_schema_that_breaks_old_files_is_noticed(
    fields: dict[str, Any], is_broken: bool
) -> None:
    assert breaks(changed(**fields), OLD_FILES[0]) == is_broken


@pytest.mark.slow
@pytest.mark.parametrize("rows", [ROWS, []], ids=["a day", "an empty day"])
def test_polars_reads_a_day_with_its_types(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    polars = pytest.importorskip("polars")
    AvroFile(SALE.avro).write(rows, tmp_path, "sales")
    frame = polars.read_avro(tmp_path / "sales.avro").select(*ROWS[0])
    assert frame.schema == {
        "client": polars.String,
        "purchase_date": polars.Date,
        "product": polars.String,
        "price": polars.Int64,
    }
    assert frame.to_dicts() == rows
