"""Reading a day whole from outside of Dagster."""

import multiprocessing
import os
from pathlib import Path

import pytest

from sales_assets.storage.files import InvalidPartitionError
from sales_assets.storage.read_day import read_day
from sales_assets.storage.replace import directories_of

ROUNDS = 60


def put(base: Path, content: bytes, files: int) -> None:
    with directories_of(base).replacing(base / "raw/sales/D") as [new]:
        for number in range(1, files + 1):
            (new / f"sales_D_{number}.json").write_bytes(content)


def put_again_and_again(base: Path) -> None:
    for turn in range(ROUNDS):
        put(base, b"odd" if turn % 2 else b"even", 11 if turn % 2 else 3)


def test_pages_come_in_their_order_and_without_what_is_not_ours(tmp_path: Path) -> None:
    put(tmp_path, b"[]", 11)
    (tmp_path / "raw/sales/D/.DS_Store").touch()
    names = [f"sales_D_{number}.json" for number in range(1, 12)]
    assert list(read_day(tmp_path / "raw/sales/D")) == names


def test_a_day_that_is_replaced_again_and_again_is_read_whole(tmp_path: Path) -> None:
    put(tmp_path, b"even", 3)
    writer = multiprocessing.get_context("fork").Process(
        target=put_again_and_again, args=(tmp_path,)
    )
    writer.start()
    try:
        while writer.is_alive():
            files = read_day(tmp_path / "raw/sales/D")
            assert (set(files.values()), len(files)) in (({b"odd"}, 11), ({b"even"}, 3))
    finally:
        writer.join()
    assert writer.exitcode == 0


def test_a_pipe_in_the_place_of_a_page_is_named(tmp_path: Path) -> None:
    put(tmp_path, b"[]", 1)
    os.mkfifo(tmp_path / "raw/sales/D/sales_D_2.json")
    with pytest.raises(InvalidPartitionError, match="not a regular file"):
        read_day(tmp_path / "raw/sales/D")
