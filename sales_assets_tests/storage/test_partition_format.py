"""What the formats of a partition have in common."""

from pathlib import Path
from typing import Any

import pytest

from sales_assets.feed.page import Page
from sales_assets.feed.stream import Reading
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.files import describe
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.partition_format import PartitionFormat
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.streams import typed

STEM = f"sales_{DAY}"
ROW = typed(sale())
FORMATS: dict[str, tuple[PartitionFormat[Any], list[Any]]] = {
    "pages": (JsonPages(), [Page(page(sale(), sale())), Page(page(sale()))]),
    "rows": (AvroFile(SALE.avro), [ROW, ROW, ROW]),
}


@pytest.fixture(params=FORMATS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> PartitionFormat[Any]:
    """Each format, with a day of three rows that it has written."""
    partition_format, items = FORMATS[request.param]
    partition_format.write(items, tmp_path, STEM)
    return partition_format


def test_a_day_is_described_as_it_is_read(stored: PartitionFormat[Any], tmp_path: Path) -> None:
    files = stored.files(tmp_path, STEM)
    reading = Reading(stored.read_and_describe(files))
    assert len(list(reading)) == len(list(stored.read(files)))
    assert reading.result == describe(files)


def test_rows_are_counted_as_they_are_read(stored: PartitionFormat[Any], tmp_path: Path) -> None:
    files = stored.files(tmp_path, STEM)
    assert stored.count_rows(files) == len(list(stored.rows(files))) == 3
