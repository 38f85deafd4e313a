"""The Avro schema: old files stay readable, and other readers find the types it promises."""

import datetime
from pathlib import Path
from typing import Any

import pytest
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


@pytest.mark.parametrize("path", OLD_FILES, ids=lambda path: path.stem)
def test_files_of_every_version_are_read_in_full(path: Path) -> None:
    rows = list(AvroFile(SALE.avro).read([UPath(path)]))
    assert [{name: row[name] for name in ROWS[0]} for row in rows] == ROWS


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
