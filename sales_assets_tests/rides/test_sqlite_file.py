"""One file, several programs, and a file that does not stay where it is."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseBusyError, RidesDatabaseError
from sales_assets_tests.helpers.rides_file import OLD_TABLES, sql, stored
from sales_assets_tests.helpers.rows import ride_answer


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    with RidesDatabase(path=str(other)).open() as store:
        store.store(ride_answer("of the other"))
    other.replace(path)


def replace_by_an_old_one(path: Path) -> None:
    other = path.with_name("other.db")
    sql(other, *OLD_TABLES[0], "PRAGMA user_version = 1", "PRAGMA journal_mode = WAL")
    other.replace(path)


def link_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("elsewhere.db"))


@pytest.mark.parametrize(
    "take_away",
    [
        Path.unlink,
        lambda path: path.rename(path.with_name("moved.db")),
        lambda path: shutil.rmtree(path.parent),
        lambda path: path.parent.rename(path.parent.with_name("moved")),
        replace,
        replace_by_an_old_one,
        link_elsewhere,
    ],
    ids=[
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
        f"the rides database {path} was deleted, moved or replaced: opening what is there now"
    ]
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_moved_file_is_whole_by_itself(store: RidesStore, path: Path) -> None:
    moved = path.with_name("moved.db")
    store.store(ride_answer("r1"))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    path.rename(moved)
    assert stored(moved) == {"r1"}


def test_a_file_with_a_write_ahead_log_is_taken_over_without_one(path: Path) -> None:
    with RidesDatabase(path=str(path), busy_timeout=0.1).open() as store:
        store.store(ride_answer("r1"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE users SET name = 'in the log'")
        other.commit()
        with (
            pytest.raises(RidesDatabaseBusyError, match="is locked"),
            RidesDatabase(path=str(path), busy_timeout=0.1).open(),
        ):
            pass
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer("r2"))
    assert sql(path, "PRAGMA journal_mode") == [("delete",)]
    assert stored(path) == {"r1", "r2"}


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
    ],
    ids=["overwritten", "emptied", "cut"],
)
def test_a_file_that_is_damaged_under_us_is_noticed_at_the_next_ride(
    store: RidesStore, path: Path, damage: Callable[[Path], object]
) -> None:
    store.store(ride_answer())
    damage(path)
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used .*: it is damaged"):
        store.store(ride_answer("r2"))


def test_a_file_that_is_damaged_in_the_middle_of_a_transaction_is_noticed_at_the_next_ride(
    store: RidesStore, path: Path
) -> None:
    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE users SET name = 'Ada'")
        os.truncate(path, 0)

    store.store(ride_answer())
    store._database.write(work)
    with pytest.raises(RidesDatabaseError, match="it is damaged"):
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
