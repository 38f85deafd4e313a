"""One file, several programs: locks, transactions, and a file that does not stay where it is."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError, RidesDatabaseLockedError
from sales_assets.rides.schema import MIGRATIONS
from sales_assets_tests.helpers.rides_file import rows, sql, stored
from sales_assets_tests.helpers.rows import ride_answer


def beside(path: Path, suffix: str) -> Path:
    """Name a file that SQLite keeps beside another."""
    return path.with_name(path.name + suffix)


@pytest.mark.usefixtures("store")
def test_the_file_keeps_a_write_ahead_log(path: Path) -> None:
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]


def test_others_see_a_transaction_only_when_it_is_whole(store: RidesStore, path: Path) -> None:
    def work(connection: sqlite3.Connection) -> list[object]:
        connection.execute("INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)")
        return sql(path, "SELECT * FROM users")

    assert store._file.write(work) == []
    assert len(sql(path, "SELECT * FROM users")) == 1


def test_a_transaction_that_is_interrupted_writes_nothing(store: RidesStore, path: Path) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store._file.write(work)
    assert sql(path, "SELECT * FROM users") == []
    assert store.store(ride_answer())


def test_a_locked_database_is_waited_for(store: RidesStore, path: Path) -> None:
    locking = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    locking.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, lambda: locking.execute("COMMIT")).start()
    assert store.store(ride_answer())


def test_a_database_that_stays_locked_is_named_and_the_ride_can_be_stored_later(
    path: Path,
) -> None:
    with RidesDatabase(path=str(path), busy_timeout=0.1).open() as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as locking:
            locking.execute("BEGIN IMMEDIATE")
            with pytest.raises(RidesDatabaseLockedError, match=f"{path} is locked"):
                store.store(ride_answer())
        assert store.store(ride_answer())


def take_all(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        beside(path, suffix).unlink()


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    with RidesDatabase(path=str(other)).open() as store:
        store.store(ride_answer("of the other"))
    other.replace(path)


def replace_by_an_old_one(path: Path) -> None:
    other = path.with_name("other.db")
    sql(other, *MIGRATIONS[0], "PRAGMA user_version = 1")
    other.replace(path)


def link_elsewhere(path: Path) -> None:
    take_all(path)
    path.symlink_to(path.with_name("elsewhere.db"))


@pytest.mark.parametrize(
    "take_away",
    [
        take_all,
        Path.unlink,
        lambda path: path.rename(path.with_name("moved.db")),
        lambda path: shutil.rmtree(path.parent),
        lambda path: path.parent.rename(path.parent.with_name("moved")),
        replace,
        replace_by_an_old_one,
        link_elsewhere,
    ],
    ids=[
        "deleted with its log",
        "deleted",
        "moved",
        "deleted with its directory",
        "moved with its directory",
        "replaced",
        "replaced by one of an older version",
        "replaced by a link",
    ],
)
def test_a_ride_is_stored_in_the_file_that_is_there(
    store: RidesStore,
    path: Path,
    take_away: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    store.store(ride_answer("before"))
    take_away(path)
    assert store.store(ride_answer("after"))
    assert store.store(ride_answer("and on"))
    assert stored(path) - {"of the other"} == {"after", "and on"}
    assert [record.message for record in caplog.records] == [
        f"the rides database {path} was deleted, moved or replaced: it is opened anew"
    ]
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_that_is_taken_away_in_the_middle_of_a_transaction_gets_it_again(
    store: RidesStore, path: Path
) -> None:
    left = ["u1"]

    def work(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)")
        if left:
            left.pop()
            path.unlink()

    store._file.write(work)
    assert rows(path, "SELECT user_uuid FROM users") == [{"user_uuid": "u1"}]


def test_a_file_that_never_stays_ends_in_an_error(store: RidesStore, path: Path) -> None:
    with pytest.raises(RidesDatabaseError, match="again and again"):
        store._file.write(lambda _: path.unlink())


def test_a_moved_file_is_whole_without_its_log(path: Path) -> None:
    moved = path.with_name("moved.db")
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer("r1"))
        path.rename(moved)
    assert stored(moved) == {"r1"}
    assert not beside(path, "-wal").exists()


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_no_ride_is_lost_with_a_log_that_is_deleted(
    store: RidesStore, path: Path, suffix: str
) -> None:
    store.store(ride_answer("before"))
    beside(path, suffix).unlink()
    store.store(ride_answer("after"))
    assert stored(path) == {"before", "after"}


def test_the_statistics_are_written_to_the_file_that_is_there(
    store: RidesStore, path: Path
) -> None:
    store.store(ride_answer("before", "d1"))
    replace(path)
    store.compute_statistics()
    assert store.count_rides() == 1
    assert sql(path, "SELECT rides FROM driver_statistics") == [(1,)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"text" * 9999),
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, 5000),
        lambda path: os.truncate(beside(path, "-wal"), 5000),
    ],
    ids=["overwritten", "emptied", "cut", "its log cut"],
)
def test_a_file_that_is_damaged_under_us_is_noticed_at_the_next_ride(
    store: RidesStore, path: Path, damage: Callable[[Path], object]
) -> None:
    store.store(ride_answer())
    damage(path)
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used"):
        store.store(ride_answer("r2"))


def test_a_file_that_was_refused_can_be_put_right(store: RidesStore, path: Path) -> None:
    path.unlink()
    path.mkdir()
    with pytest.raises(RidesDatabaseError, match="not a regular file"):
        store.store(ride_answer())
    path.rmdir()
    assert store.store(ride_answer())


def test_opening_and_closing_leaves_the_file_alone(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    with RidesDatabase(path=str(path)).open() as other:
        other.store(ride_answer("r2"))
    store.store(ride_answer("r3"))
    assert stored(path) == {"r1", "r2", "r3"}
