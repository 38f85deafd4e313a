"""The rows of a day as one Avro file."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.files import InvalidPartitionError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.rows import DAY, sale
from sales_assets_tests.helpers.streams import typed

STEM = f"sales_{DAY}"


ROW = typed(sale())


def avro_rows(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "client": f"client {number}", "price": number} for number in range(count)]


@pytest.mark.parametrize("names", [[], ["sales.avro"]], ids=" ".join)
def test_a_directory_that_is_not_a_day_of_avro_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InvalidPartitionError, match="materialize this partition again"):
        AvroFile(SALE.avro).files(tmp_path, STEM)


def test_blocks_of_two_versions_do_not_fit_each_other(tmp_path: Path) -> None:
    for count in (5_000, 5_001):
        (tmp_path / str(count)).mkdir()
        AvroFile(SALE.avro).write(avro_rows(count), tmp_path / str(count), STEM)
    old, new = (path.read_bytes() for path in sorted(tmp_path.rglob("*.avro")))
    mixed = tmp_path / "mixed.avro"
    mixed.write_bytes(old[: len(old) // 2] + new[len(old) // 2 :])
    with mixed.open("rb") as file, pytest.raises(ValueError, match="sync"):
        list(fastavro.reader(file))


def test_rows_come_back_as_they_were_and_give_the_same_bytes_again(tmp_path: Path) -> None:
    avro = AvroFile(SALE.avro)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        avro.write(iter(avro_rows(5_000)), tmp_path / name, STEM)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")
    assert list(avro.read(avro.files(tmp_path / "a", STEM))) == avro_rows(5_000)


@pytest.mark.parametrize(("rows", "codec"), [([ROW], "deflate"), ([], "null")])
def test_a_file_is_typed_and_deflated_unless_it_has_no_rows(
    tmp_path: Path, rows: list[dict[str, Any]], codec: str
) -> None:
    AvroFile(SALE.avro).write(rows, tmp_path, STEM)
    with (tmp_path / f"{STEM}.avro").open("rb") as file:
        reader = fastavro.reader(file)
        assert reader.metadata["avro.codec"] == codec
        assert json.loads(reader.metadata["avro.schema"])["fields"] == SALE.avro["fields"]
        assert list(reader) == rows
