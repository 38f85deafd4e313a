"""The files of a partition."""

import datetime
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from sales_assets.feed.page import Page
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.files import InvalidPartitionError
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.stored_day import describe
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.rows import DAY, sale
from sales_assets_tests.helpers.streams import bodies_of

STEM = f"sales_{DAY}"
ROW = sale(purchase_date=datetime.date.fromisoformat(DAY))


def avro_rows(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "client": f"client {number}", "price": number} for number in range(count)]


def test_pages_are_numbered_from_1(tmp_path: Path) -> None:
    JsonPages().write([Page(b"[1]"), Page(b"[2]")], tmp_path, STEM)
    assert tree(tmp_path) == {f"{STEM}_1.json": b"[1]", f"{STEM}_2.json": b"[2]"}


def test_a_single_page_has_no_number(tmp_path: Path) -> None:
    JsonPages().write([Page(b"[]")], tmp_path, STEM)
    assert tree(tmp_path) == {f"{STEM}.json": b"[]"}


def test_a_day_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPartitionError, match="has no page"):
        JsonPages().write([], tmp_path, STEM)


def test_page_10_is_read_after_page_9(tmp_path: Path) -> None:
    pages = [b"[%d]" % number for number in range(1, 13)]
    JsonPages().write(map(Page, pages), tmp_path, STEM)
    files = JsonPages().files(tmp_path, STEM)
    assert bodies_of(JsonPages().read(files)) == pages


@pytest.mark.parametrize(
    "names",
    [
        [],
        [f"{STEM}_1.json", f"{STEM}_3.json"],
        [f"{STEM}_2.json"],
        [f"{STEM}_0.json"],
        [f"{STEM}_01.json"],
        [f"{STEM}.json", f"{STEM}_1.json"],
        ["sales_2022-08-10.json"],
    ],
    ids=" ".join,
)
def test_a_directory_that_is_not_a_day_of_pages_is_refused(
    tmp_path: Path, names: list[str]
) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"[]")
    with pytest.raises(InvalidPartitionError, match="materialize this partition again"):
        JsonPages().files(tmp_path, STEM)


@pytest.mark.parametrize("names", [[], ["sales.avro"]], ids=" ".join)
def test_a_directory_that_is_not_a_day_of_avro_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InvalidPartitionError, match="materialize this partition again"):
        AvroFile(SALE.avro).files(tmp_path, STEM)


def test_rows_come_back_from_avro_as_they_were(tmp_path: Path) -> None:
    avro = AvroFile(SALE.avro)
    avro.write(iter(avro_rows(5_000)), tmp_path, STEM)
    assert list(avro.read(avro.files(tmp_path, STEM))) == avro_rows(5_000)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        AvroFile(SALE.avro).write(avro_rows(5_000), tmp_path / name, STEM)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_blocks_of_two_versions_do_not_fit_each_other(tmp_path: Path) -> None:
    for count in (5_000, 5_001):
        (tmp_path / str(count)).mkdir()
        AvroFile(SALE.avro).write(avro_rows(count), tmp_path / str(count), STEM)
    old, new = (path.read_bytes() for path in sorted(tmp_path.rglob("*.avro")))
    mixed = tmp_path / "mixed.avro"
    mixed.write_bytes(old[: len(old) // 2] + new[len(old) // 2 :])
    with mixed.open("rb") as file, pytest.raises(ValueError, match="sync"):
        list(fastavro.reader(file))


def test_a_file_of_rows_is_deflated_and_typed(tmp_path: Path) -> None:
    AvroFile(SALE.avro).write([ROW], tmp_path, STEM)
    with (tmp_path / f"{STEM}.avro").open("rb") as file:
        reader = fastavro.reader(file)
        assert reader.metadata["avro.codec"] == "deflate"
        schema = json.loads(reader.metadata["avro.schema"])
        assert schema["fields"] == SALE.avro["fields"]


def test_an_empty_day_is_a_header_without_a_codec(tmp_path: Path) -> None:
    AvroFile(SALE.avro).write([], tmp_path, STEM)
    with (tmp_path / f"{STEM}.avro").open("rb") as file:
        reader = fastavro.reader(file)
        assert reader.metadata["avro.codec"] == "null"
        assert list(reader) == []


def test_the_hash_is_that_of_the_files_put_together(tmp_path: Path) -> None:
    JsonPages().write([Page(b"[1]"), Page(b"[2]")], tmp_path, STEM)
    (tmp_path / "together").write_bytes(b"[1][2]")
    parts = [tmp_path / f"{STEM}_{number}.json" for number in (1, 2)]
    assert describe(parts)["sha256"] == describe([tmp_path / "together"])["sha256"]
