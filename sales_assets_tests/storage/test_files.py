"""Which files are ours, and what is never opened."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sales_assets.storage.files import InvalidPartitionError, entries, is_dropping, read_file


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


IRREGULAR: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": socket_at,
    "a directory": Path.mkdir,
    "a link": lambda path: path.symlink_to(__file__),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_not_a_regular_file_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)  # The address of a socket is short.
    IRREGULAR[kind](Path("odd"))
    with pytest.raises(InvalidPartitionError, match=r"odd is not a regular file .*move it away"):
        read_file(tmp_path / "odd")


def test_a_file_that_is_not_there_is_no_matter_of_its_kind(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "missing")


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "page").write_bytes(b"[1]\r\n")
    assert read_file(tmp_path / "page") == b"[1]\r\n"


@pytest.mark.parametrize(
    "name", [".DS_Store", "Thumbs.db", "._sales.json", ".nfs0000", ".~lock.a#", "x_$folder$", ""]
)
def test_what_an_operating_system_drops_is_known(name: str) -> None:
    assert is_dropping(name)


@pytest.mark.parametrize("name", ["sales_2022-08-09.json", "notes.txt", "DS_Store", ".hidden"])
def test_what_a_person_puts_there_is_not_taken_for_that(name: str) -> None:
    assert not is_dropping(name)


def test_entries_come_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert entries(tmp_path) == [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
