"""Transactions of both kinds of database: whole, isolated, and of what is at the address now."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseBusyError, RidesDatabaseError
from sales_assets_tests.helpers.rides_file import connected, rows, sql
from sales_assets_tests.helpers.rows import ride_answer

BOB = "INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)"


def test_others_see_a_transaction_only_when_it_is_whole(rides: RidesStore, place: str) -> None:
    def work(connection: sa.Connection) -> list[object]:
        connection.exec_driver_sql(BOB)
        return sql(place, "SELECT * FROM users")

    assert rides._database.write(work) == []
    assert len(sql(place, "SELECT * FROM users")) == 1


def test_a_reader_sees_one_moment(rides: RidesStore, place: str) -> None:
    def work(connection: sa.Connection) -> list[object]:
        count = sa.text("SELECT count(*) FROM users")
        before = connection.execute(count).scalar_one()
        writer = threading.Thread(target=sql, args=(place, BOB))
        writer.start()
        if connection.dialect.name == "postgresql":
            writer.join()
        after = connection.execute(count).scalar_one()
        writers.append(writer)
        return [before, after]

    writers: list[threading.Thread] = []
    assert rides._database.read(work) == [0, 0]
    writers[0].join()
    assert len(sql(place, "SELECT * FROM users")) == 1


def test_a_transaction_that_is_interrupted_writes_nothing(rides: RidesStore, place: str) -> None:
    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(BOB)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rides._database.write(work)
    assert sql(place, "SELECT * FROM users") == []
    assert rides.store(ride_answer())


def test_a_lock_that_is_held_is_named_and_the_ride_can_be_stored_later(place: str) -> None:
    with RidesDatabase(path=place, busy_timeout=0.1).open() as store:
        with connected(place) as other:
            postgres = other.dialect.name == "postgresql"
            other.exec_driver_sql("BEGIN" if postgres else "BEGIN IMMEDIATE")
            if postgres:
                other.exec_driver_sql("LOCK TABLE rides")
            with pytest.raises(RidesDatabaseBusyError, match=r"lock.*: another program uses it"):
                store.store(ride_answer())
            other.exec_driver_sql("ROLLBACK")
        assert store.store(ride_answer())


def test_a_locked_file_is_waited_for(store: RidesStore, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as locking:
        locking.execute("BEGIN IMMEDIATE")
        unlocking = threading.Timer(0.3, lambda: locking.execute("COMMIT"))
        unlocking.start()
        assert store.store(ride_answer())
        unlocking.join()


def test_a_file_that_is_taken_away_in_the_middle_of_a_transaction_gets_it_again(
    store: RidesStore, path: Path
) -> None:
    left = ["u1"]

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(BOB)
        if left:
            left.pop()
            path.unlink()

    store._database.write(work)
    assert rows(path, "SELECT user_uuid FROM users") == [{"user_uuid": "u1"}]


def test_a_query_that_fails_since_the_file_is_gone_is_made_again(
    store: RidesStore, path: Path
) -> None:
    def work(connection: sa.Connection) -> bool:
        if not taken.exists():
            path.rename(taken)
            connection.exec_driver_sql("SELECT what is not there")
        return True

    taken = path.with_name("taken.db")
    assert store._database.read(work)


def test_a_file_that_never_stays_ends_in_an_error(store: RidesStore, path: Path) -> None:
    with pytest.raises(RidesDatabaseError, match="again and again"):
        store._database.write(lambda _: path.unlink())
