"""The rows of a day as one Avro file."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest

from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.files import InvalidPartitionError
from sales_assets_tests.helpers.rows import sale
from sales_assets_tests.helpers.streams import typed

AVRO = AvroFile(SALE.avro)
ROW = typed(sale())


def written(directory: Path, count: int) -> Path:
    """Write so many different rows."""
    directory.mkdir()
    AVRO.write([{**ROW, "price": number} for number in range(count)], directory, "sales")
    return directory / "sales.avro"


@pytest.mark.parametrize("name", ["", "other.avro"])
def test_a_directory_that_is_not_a_day_of_avro_is_refused(tmp_path: Path, name: str) -> None:
    if name:
        (tmp_path / name).touch()
    with pytest.raises(InvalidPartitionError, match="materialize this partition again"):
        AVRO.files(tmp_path, "sales")


def test_blocks_of_two_versions_do_not_fit_each_other(tmp_path: Path) -> None:
    old, new = (written(tmp_path / str(count), count).read_bytes() for count in (20_000, 20_001))
    mixed = tmp_path / "mixed.avro"
    mixed.write_bytes(old[: len(old) // 2] + new[len(old) // 2 :])
    with mixed.open("rb") as file, pytest.raises(ValueError, match="sync"):
        list(fastavro.reader(file))


def test_rows_come_back_as_they_were_and_give_the_same_bytes_again(tmp_path: Path) -> None:
    one, other = (written(tmp_path / name, 5_000) for name in ("a", "b"))
    assert one.read_bytes() == other.read_bytes()
    prices = [row["price"] for row in AVRO.read(AVRO.files(tmp_path / "a", "sales"))]
    assert prices == [*range(5_000)]


@pytest.mark.parametrize(("rows", "codec"), [([ROW], "deflate"), ([], "null")])
def test_a_file_is_typed_and_deflated_unless_it_has_no_rows(
    tmp_path: Path, rows: list[dict[str, Any]], codec: str
) -> None:
    AVRO.write(rows, tmp_path, "sales")
    with (tmp_path / "sales.avro").open("rb") as file:
        reader = fastavro.reader(file)
        assert reader.metadata["avro.codec"] == codec
        assert json.loads(reader.metadata["avro.schema"])["fields"] == SALE.avro["fields"]
        assert list(reader) == rows
