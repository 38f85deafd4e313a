"""Which files are ours, what is never opened, and how files are read and described."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sales_assets.feed.page import Page
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.files import (
    InvalidPartitionError,
    PartitionFormat,
    describe,
    is_dropping,
    read_file,
)
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.files import IRREGULAR
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import typed

ROW = typed(sale())


@pytest.mark.parametrize("kind", sorted(IRREGULAR.keys() - {"a device"}))
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    IRREGULAR[kind](tmp_path / "odd")
    with pytest.raises(InvalidPartitionError, match=r"odd is not a regular file .*move it away"):
        read_file(tmp_path / "odd")


def test_what_an_operating_system_drops_is_told_from_what_a_person_puts_there() -> None:
    dropped = [".DS_Store", "Thumbs.db", "._sales.json", ".nfs0000", ".~lock.a#", "x_$folder$", ""]
    put = ["sales_2022-08-09.json", "notes.txt", "DS_Store", ".hidden"]
    assert [name for name in dropped + put if is_dropping(name)] == dropped


def test_the_hash_is_that_of_the_files_put_together(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("1", "2", "together")]
    for file, body in zip(files, (b"[1]", b"[2]", b"[1][2]"), strict=True):
        file.write_bytes(body)
    assert describe(files[:2])["sha256"] == describe(files[2:])["sha256"]


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
    results: list[Any] = []

    def read() -> Iterator[Any]:
        results.append((yield from partition_format.read_and_describe(files)))

    assert len([*read()]) == len([*partition_format.read(files)]) == len(items)
    assert results == [describe(files)]
    assert len([*partition_format.rows(files)]) == 3
