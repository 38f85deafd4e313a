"""Transactions of both kinds of database: whole, isolated, and of what is at the address now."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseBusyError, RidesDatabaseError
from sales_assets.storage.replace import work
from sales_assets_tests.helpers.rides_file import OLD_TABLES, connected, rows, sql, stored
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.waiting import wait_for

BOB = "INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)"


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


def test_a_wait_for_another_process_of_ours_is_said_once(
    store: RidesStore,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work, "_SECONDS_IN_SILENCE", 0)
    with ThreadPoolExecutor() as pool:
        with work.locked(path.parent):
            storing = pool.submit(store.store, ride_answer())
            wait_for("the warning", lambda: caplog.messages)
        assert storing.result()
    [said] = caplog.messages
    assert f"waiting for the lock on {path.parent}, held by another process" in said


def test_a_file_that_is_taken_away_in_the_middle_of_a_transaction_gets_it_again(
    store: RidesStore, path: Path
) -> None:
    left = ["u1"]

    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(BOB)
        if left:
            left.pop()
            path.unlink()

    store._database.run(work)
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
    assert store._database.run(work)


def test_a_file_that_never_stays_ends_in_an_error(store: RidesStore, path: Path) -> None:
    with pytest.raises(RidesDatabaseError, match="keeps being replaced"):
        store._database.run(lambda _: path.unlink())


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
    store._database.run(work)
    with pytest.raises(RidesDatabaseError, match="it is damaged"):
        store.store(ride_answer("r2"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheme", ["postgres", "POSTGRESQL", "postgresql+psycopg2", "postgresql+asyncpg", " postgresql"]
)
def test_any_scheme_of_postgres_names_a_server(postgres: str, scheme: str) -> None:
    address = f"{postgres.replace('postgresql', scheme, 1)}?connect_timeout=9"
    with RidesDatabase(path=address).open() as store:
        store.store(ride_answer())
        assert store.address == postgres.replace(":word@", ":***@")
    assert stored(postgres) == {"r1"}


@pytest.mark.slow
def test_the_options_of_an_address_count(postgres: str) -> None:
    sql(postgres, "CREATE SCHEMA mine")
    with RidesDatabase(path=f"{postgres}?options=-csearch_path%3Dmine").open() as store:
        store.store(ride_answer())
    assert sql(postgres, "SELECT ride_uuid FROM mine.rides") == [("r1",)]


@pytest.mark.slow
def test_text_is_stored_as_it_is_whatever_the_encoding_of_the_client(postgres: str) -> None:
    with RidesDatabase(path=f"{postgres}?client_encoding=LATIN1").open() as store:
        store.store(ride_answer("Ж🚕"))
    assert stored(postgres) == {"Ж🚕"}


@pytest.mark.slow
def test_a_connection_that_was_cut_is_made_anew(postgres: str) -> None:
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    with RidesDatabase(path=postgres).open() as store:
        store.store(ride_answer("r1"))
        sql(postgres, cut)
        assert store.store(ride_answer("r2"))
    assert stored(postgres) == {"r1", "r2"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hush@host:port/rides",
        "postgres://me:hush@[",
        "postgresql://host/rides?user=me&password=hush",
        "postgresql://host/rides?user=me&sslp%61ssword=hush",
        "postgresql://host/?dsn=postgresql://me:hush@host",
        "postgresql://me:x@hush@host/rides",
        "postgresql://me/hush@host/rides",
    ],
)
def test_what_is_not_an_address_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(RidesDatabaseError) as refused, RidesDatabase(path=address).open():
        pass
    assert "hush" not in str(refused.value)


@pytest.mark.slow
def test_the_password_is_not_in_the_repr_of_the_resource() -> None:
    assert "hush" not in repr(RidesDatabase(path="postgres://me:hush@host/rides"))
