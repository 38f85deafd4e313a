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
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import typed

ROW = typed(sale())


@pytest.mark.parametrize(
    ("partition_format", "items"),
    [
        (JsonPages(), [Page(page(sale(), sale())), Page(page(sale()))]),
        (AvroFile(SALE.avro), [ROW, ROW, ROW]),
    ],
    ids=["pages", "rows"],
)
def test_a_day_is_described_as_it_is_read(
    partition_format: PartitionFormat[Any], items: list[Any], tmp_path: Path
) -> None:
    partition_format.write(items, tmp_path, "sales")
    files = partition_format.files(tmp_path, "sales")
    reading = Reading(partition_format.read_and_describe(files))
    assert len([*reading]) == len([*partition_format.read(files)]) == len(items)
    assert reading.result == describe(files)
    assert len([*partition_format.rows(files)]) == 3
