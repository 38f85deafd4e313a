"""What is stored, by several at once and in transactions of what is at the address now."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import (
    RidesDatabaseBusyError,
    RidesDatabaseError,
)
from sales_assets_tests.helpers.programs import all_succeed
from sales_assets_tests.helpers.rides_file import (
    OLD_TABLES,
    STATISTICS,
    by_hand,
    compute,
    connected,
    sql,
    stored,
)
from sales_assets_tests.helpers.rows import ride_answer


def test_a_ride_seen_again_replaces_itself(rides: RidesStore, place: str) -> None:
    assert rides.store(ride_answer())
    assert sql(place, "SELECT * FROM rides") == [("r1", "u1", "d1", 2.5, 7.0)]
    assert sql(place, "SELECT * FROM drivers") == [
        ("d1", "Ada", "Byron", "c1", "2020-01-01", "2030-01-01")
    ]
    assert sql(place, "SELECT * FROM users") == [("u1", "Bob", "Babbage", 0)]
    again = ride_answer(driver="d2", distance=3.5)
    again["user"]["surname"] = "Gray"
    assert not rides.store(again)
    assert sql(place, "SELECT driver_uuid, distance FROM rides") == [("d2", 3.5)]
    assert sql(place, "SELECT surname FROM users") == [("Gray",)]
    assert [row["rides"] for row in compute(place)] == [1]


HOSTILE = ["'; DROP TABLE rides; --", '" OR 1=1', "%s ? :name", "%(a)s", "Ж🚕", "\\", "x" * 99_999]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_text_is_stored_as_it_is_whatever_it_holds(
    rides: RidesStore, place: str, text: str
) -> None:
    answer = ride_answer(ride=text, driver=text)
    answer["driver"]["name"] = answer["user"]["surname"] = text
    assert rides.store(answer)
    assert not rides.store(answer)
    assert sql(place, "SELECT ride_uuid, name FROM rides, drivers") == [(text, text)]
    assert [row["driver_uuid"] for row in compute(place)] == [text]


def test_text_with_a_nul_is_stored_as_it_is_in_a_file(store: RidesStore, path: Path) -> None:
    store.store(ride_answer("a\0b"))
    assert stored(path) == {"a\0b"}


@pytest.mark.parametrize(("number", "count"), [(2, 60), (6, 2)], ids=["many rides", "new tables"])
def test_processes_at_once_lose_nothing_and_count_nothing_twice(
    place: str, number: int, count: int
) -> None:
    def store_many(name: int) -> None:
        with RidesDatabase(path=place).open() as store:
            for ride in range(count):
                store.store(ride_answer(f"{name} {ride % (count - 1)}", driver=f"d{ride % 7}"))
                if ride % 10 == 0:
                    store.compute_statistics()

    assert all_succeed(*(partial(store_many, name) for name in range(number)))
    assert len(stored(place)) == number * (count - 1)
    compute(place)
    assert by_hand(place) == sql(place, STATISTICS)


def test_a_lock_that_is_held_is_named_and_the_ride_can_be_stored_later(place: str) -> None:
    with RidesDatabase(path=place, busy_timeout=0.1).open() as store:
        with connected(place) as other:
            postgres = other.dialect.name == "postgresql"
            other.exec_driver_sql("BEGIN" if postgres else "BEGIN IMMEDIATE")
            if postgres:
                other.exec_driver_sql("LOCK TABLE rides")
            with pytest.raises(RidesDatabaseBusyError, match=r"lock.*: another program is using"):
                store.store(ride_answer())
            other.exec_driver_sql("ROLLBACK")
        assert store.store(ride_answer())


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)", "SELECT what is not there"],
    ids=["written", "failed"],
)
def test_a_file_that_is_taken_away_in_the_middle_of_a_transaction_gets_it_again(
    store: RidesStore, path: Path, statement: str
) -> None:
    def work(connection: sa.Connection) -> str:
        if taken.exists():
            return "in the new file"
        path.rename(taken)
        connection.exec_driver_sql(statement)
        return "in the old file"

    taken = path.with_name("taken.db")
    assert store.run(work) == "in the new file"


def test_a_file_that_never_stays_ends_in_an_error(store: RidesStore, path: Path) -> None:
    with pytest.raises(RidesDatabaseError, match="keeps being replaced"):
        store.run(lambda _: path.unlink())


def replace(path: Path) -> None:
    other = path.with_name("other.db")
    with RidesDatabase(path=str(other)).open() as store:
        store.store(ride_answer("of the other"))
    other.replace(path)


def replace_by_an_old_one(path: Path) -> None:
    other = path.with_name("other.db")
    sql(other, *OLD_TABLES[1], "PRAGMA user_version = 1", "PRAGMA journal_mode = WAL")
    other.replace(path)


def link_elsewhere(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("elsewhere.db"))


WAYS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "moved": lambda path: path.rename(path.with_name("moved.db")),
    "deleted with its directory": lambda path: shutil.rmtree(path.parent),
    "moved with its directory": lambda path: path.parent.rename(path.parent.with_name("moved")),
    "replaced": replace,
    "replaced by one of an older version": replace_by_an_old_one,
    "replaced by a link": link_elsewhere,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_ride_is_stored_in_the_file_that_is_there(
    store: RidesStore, path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    store.store(ride_answer("before"))
    WAYS[way](path)
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
    database = RidesDatabase(path=str(path), busy_timeout=0.1)
    with database.open() as store:
        store.store(ride_answer("r1"))
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE users SET name = 'in the log'")
        other.commit()
        with pytest.raises(RidesDatabaseBusyError, match="is locked"), database.open():
            pass
    with database.open() as store:
        store.store(ride_answer("r2"))
    assert sql(path, "PRAGMA journal_mode") == [("delete",)]
    assert stored(path) == {"r1", "r2"}


@pytest.mark.parametrize("midway", [False, True], ids=["between rides", "in a transaction"])
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
    store: RidesStore, path: Path, damage: Callable[[Path], object], midway: bool
) -> None:
    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE users SET name = 'Ada'")
        damage(path)

    store.store(ride_answer())
    if midway:
        store.run(work)
    else:
        damage(path)
    with pytest.raises(RidesDatabaseError, match=f"{path} cannot be used .*: it is damaged"):
        store.store(ride_answer("r2"))
