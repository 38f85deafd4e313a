"""What is said when the file cannot be used: which file, why, and what to do."""

import os
import resource
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.forkserver import processes
from sales_assets_tests.helpers.rides_file import stored
from sales_assets_tests.helpers.rows import ride_answer


def store_at(path: Path, text: str = "") -> None:
    with RidesDatabase(path=str(path), busy_timeout=1).open() as store:
        answer = ride_answer("of a full disk" if text else "r1")
        answer["user"]["name"] = text
        store.store(answer)


def text(path: Path) -> None:
    path.write_text("no database at all, but a text of some length\n" * 20)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (text, "cannot be used .*not a database.*: the file is damaged, or of another program"),
        (Path.mkdir, "it is not a regular file: set RIDES_DB to another path"),
        (os.mkfifo, "it is not a regular file: set RIDES_DB to another path"),
        (lambda path: path.symlink_to("/dev/null"), "it is not a regular file"),
        (lambda path: path.symlink_to(path), "cannot be used .*RIDES_DB has to name a file"),
        (lambda path: path.symlink_to("no/such"), "cannot be used .*RIDES_DB has to name a file"),
    ],
    ids=["text", "directory", "pipe", "device", "link to itself", "link into nowhere"],
)
def test_what_cannot_be_a_database_is_named(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "rides.db"
    make(path)
    with pytest.raises(RidesDatabaseError, match=f"the rides database {path}:? {reason}"):
        store_at(path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    text(tmp_path / "text")
    path = tmp_path / "text" / "rides.db"
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used .*RIDES_DB has to name"):
        store_at(path)


def test_a_link_is_followed(tmp_path: Path) -> None:
    path, target = tmp_path / "rides.db", tmp_path / "target.db"
    path.symlink_to(target)
    store_at(path)
    assert stored(target) == {"r1"}
    assert path.is_symlink()


def test_a_full_disk_is_named_and_keeps_what_was_stored(small_disk: Path) -> None:
    path = small_disk / "rides.db"
    store_at(path)
    with pytest.raises(RidesDatabaseError, match=r"disk is full.*: free space"):
        store_at(path, "x" * 300_000)
    assert stored(path) == {"r1"}


def test_a_read_only_disk_is_named(small_disk: Path) -> None:
    path = small_disk / "rides.db"
    store_at(path)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)  # noqa: S603, S607
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used"):
        store_at(path)


def store_as_nobody(path: Path) -> None:
    """Store a ride as a user who may only read what others own."""
    os.setuid(65534)
    with pytest.raises(RidesDatabaseError, match=r"readonly.*make the file.*writable"):
        store_at(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
def test_a_file_that_may_only_be_read_is_named() -> None:
    # Not below the directory of pytest, which no other user may enter.
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        store_at(directory / "rides.db")
        reader = processes.Process(target=store_as_nobody, args=(directory / "rides.db",))
        reader.start()
        reader.join(30)
    assert reader.exitcode == 0


def store_in_small_files(path: Path) -> None:
    """Store a ride that is larger than a file may be."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used"):
        store_at(path, "x" * 300_000)


def test_a_file_that_may_not_grow_is_named_and_keeps_what_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "rides.db"
    store_at(path)
    writer = processes.Process(target=store_in_small_files, args=(path,))
    writer.start()
    writer.join(30)
    assert writer.exitcode == 0
    assert stored(path) == {"r1"}
