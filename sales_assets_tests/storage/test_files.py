"""Which files are ours, what is never opened, and how files are read and described."""

from pathlib import Path

import pytest

from sales_assets.storage.files import (
    InvalidPartitionError,
    describe,
    is_dropping,
    read_file,
)
from sales_assets_tests.helpers.files import IRREGULAR


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
