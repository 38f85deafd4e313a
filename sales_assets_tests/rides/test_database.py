"""The SQLite file: what is written, what others see, and what happens when several write."""

import random
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from sales_assets.rides.database import (
    COMPUTE_STATISTICS,
    RidesDatabase,
    RidesDatabaseError,
    RidesDatabaseLockedError,
    RidesStore,
)
from sales_assets.rides.schema import MIGRATIONS, RidesSchemaError, require_sqlite
from sales_assets_tests.helpers.forkserver import processes
from sales_assets_tests.helpers.rides_file import BY_HAND, STATISTICS, compute, sql
from sales_assets_tests.helpers.rows import ride_answer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "new" / "rides.db"


@pytest.fixture
def store(path: Path) -> Iterator[RidesStore]:
    """A new database, open."""
    with RidesDatabase(path=str(path)).open() as opened:
        yield opened


def test_an_answer_is_stored_in_three_tables(store: RidesStore, path: Path) -> None:
    assert store.store(ride_answer())
    assert sql(path, "SELECT * FROM rides") == [("r1", "u1", "d1", 2.5, 7.0)]
    assert sql(path, "SELECT * FROM drivers") == [
        ("d1", "Ada", "Byron", "c1", "2020-01-01", "2030-01-01")
    ]
    assert sql(path, "SELECT * FROM users") == [("u1", "Bob", "Babbage", 0)]


def test_the_tables_have_the_columns_that_were_agreed_on(store: RidesStore, path: Path) -> None:
    assert store.rows("SELECT 1")
    columns = {
        table: [row[1] for row in sql(path, f"PRAGMA table_info({table})")]
        for table in ("rides", "drivers", "users", "driver_statistics")
    }
    assert columns == {
        "rides": ["ride_uuid", "user_uuid", "driver_uuid", "distance", "price"],
        "drivers": ["driver_uuid", "name", "surname", "car_uuid", "effective_from", "expiry_date"],
        "users": ["user_uuid", "name", "surname", "is_driver"],
        "driver_statistics": [
            "driver_uuid",
            "total_distance",
            "rides",
            "total_price",
            "average_distance",
            "updated_at",
        ],
    }


def test_a_ride_seen_again_replaces_itself(store: RidesStore, path: Path) -> None:
    assert store.store(ride_answer())
    again = ride_answer(driver="d2", distance=3.5)
    again["user"]["surname"] = "Gray"
    assert not store.store(again)
    assert sql(path, "SELECT driver_uuid, distance FROM rides") == [("d2", 3.5)]
    assert sql(path, "SELECT surname FROM users") == [("Gray",)]


def test_a_ride_seen_again_is_not_counted_twice(store: RidesStore) -> None:
    for _ in range(3):
        store.store(ride_answer())
    [row] = compute(store)
    assert (row["total_distance"], row["rides"]) == (2.5, 1)


HOSTILE = ["'; DROP TABLE rides; --", '" OR 1=1', "%s ? :name", "a\0b", "Ж🚕", "\\", "x" * 99_999]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_text_is_stored_as_it_is_whatever_it_holds(store: RidesStore, text: str) -> None:
    answer = ride_answer(ride=text, driver=text)
    answer["driver"]["name"] = answer["user"]["surname"] = text
    assert store.store(answer)
    assert not store.store(answer)
    [row] = store.rows("SELECT * FROM rides JOIN drivers USING (driver_uuid)")
    assert {row["ride_uuid"], row["driver_uuid"], row["name"]} == {text}
    assert store.rows("SELECT surname FROM users") == [{"surname": text}]
    assert [row["driver_uuid"] for row in compute(store)] == [text]


def test_a_value_of_another_type_is_refused_by_the_table(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    with pytest.raises(sqlite3.IntegrityError, match="TEXT value in REAL column"):
        sql(path, "UPDATE rides SET distance = 'far'")


def test_a_ride_without_its_driver_is_refused_and_nothing_of_it_written(
    store: RidesStore,
) -> None:
    answer = ride_answer()
    answer["driver"]["driver_uuid"] = "another"
    with pytest.raises(RidesDatabaseError, match="FOREIGN KEY"):
        store.store(answer)
    assert store.rows("SELECT * FROM drivers") == []


def test_the_file_keeps_a_write_ahead_log_and_its_schema_version(
    store: RidesStore, path: Path
) -> None:
    assert store.rows("SELECT 1")
    assert sql(path, "PRAGMA journal_mode") == [("wal",)]
    assert sql(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


def test_a_file_of_the_first_version_is_migrated_and_keeps_its_rides(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    sql(
        path,
        *MIGRATIONS[0],
        "PRAGMA user_version = 1",
        "INSERT INTO drivers VALUES ('d1', 'Ada', 'Byron', 'c1', '2020-01-01', NULL)",
        "INSERT INTO users VALUES ('u1', 'Bob', 'Babbage', 0)",
        "INSERT INTO rides VALUES ('r0', 'u1', 'd1', 4.0, 9.0)",
    )
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer())
        [row] = compute(store)
    assert (row["total_distance"], row["rides"]) == (6.5, 2)
    assert sql(path, "PRAGMA user_version") == [(len(MIGRATIONS),)]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("PRAGMA user_version = 99", "version is 99.*newer sales_assets"),
        ("CREATE TABLE rides (id)", "not made: set RIDES_DB"),
    ],
)
def test_a_file_of_something_else_is_refused_and_left_as_it_is(
    tmp_path: Path, statement: str, reason: str
) -> None:
    path = tmp_path / "other.db"
    sql(path, statement)
    before = path.read_bytes()
    with (
        pytest.raises(RidesDatabaseError, match=reason),
        RidesDatabase(path=str(path)).open(),
    ):
        pass
    assert path.read_bytes() == before


def test_a_path_that_cannot_be_a_database_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no database at all, but a text of some length\n" * 20)
    for path in (text, tmp_path, text / "below.db"):
        with (
            pytest.raises(RidesDatabaseError, match=f"{path} cannot be used.*RIDES_DB"),
            RidesDatabase(path=str(path)).open(),
        ):
            pass


def test_an_old_sqlite_is_refused() -> None:
    require_sqlite((3, 37, 0))
    with pytest.raises(RidesSchemaError, match=r"3\.36\.0.*STRICT tables need 3\.37"):
        require_sqlite((3, 36, 0))


def test_the_statistics_are_those_of_the_rides(store: RidesStore) -> None:
    for ride, driver, distance, price in (
        ("r1", "d1", 1.5, 4.0),
        ("r2", "d2", 8.0, 1.0),
        ("r3", "d1", 2.5, 6.0),
    ):
        store.store(ride_answer(ride, driver, distance=distance, price=price))
    rows = [list(row.values())[:5] for row in compute(store)]
    assert rows == [["d1", 4.0, 2, 10.0, 2.0], ["d2", 8.0, 1, 1.0, 8.0]]


def test_the_statistics_of_no_rides_are_none(store: RidesStore) -> None:
    assert compute(store) == []


def test_a_driver_who_is_gone_is_gone(store: RidesStore) -> None:
    store.store(ride_answer(driver="d1"))
    compute(store)
    store.store(ride_answer(driver="d2"))
    assert [row["driver_uuid"] for row in compute(store)] == ["d2"]


def test_only_figures_that_change_are_updated(store: RidesStore) -> None:
    store.store(ride_answer("r1", "d1"))
    store.store(ride_answer("r2", "d2"))
    compute(store)
    with store.transaction():
        store._connection.execute("UPDATE driver_statistics SET updated_at = 'then'")
    store.store(ride_answer("r3", "d2"))
    first, second = compute(store)
    assert first["updated_at"] == "then" != second["updated_at"]


def test_the_sums_do_not_depend_on_the_order_in_which_the_rides_came(tmp_path: Path) -> None:
    draw = random.Random(7)  # noqa: S311
    answers = [
        ride_answer(
            str(number), f"d{number % 3}", distance=draw.random() * 10 ** draw.randint(-9, 9)
        )
        for number in range(600)
    ]
    tables = []
    for name in ("one.db", "other.db"):
        draw.shuffle(answers)
        with RidesDatabase(path=str(tmp_path / name)).open() as store:
            with store.transaction():
                for table in ("drivers", "users", "rides"):
                    for answer in answers:
                        row = answer[table[:-1]]
                        store._connection.execute(
                            f"INSERT OR IGNORE INTO {table} VALUES "  # noqa: S608
                            f"({', '.join('?' * len(row))})",
                            list(row.values()),
                        )
            compute(store)
        tables.append(sql(tmp_path / name, STATISTICS))
        assert sql(tmp_path / name, BY_HAND) == tables[-1]
    assert tables[0] == tables[1]


def test_a_reader_sees_the_statistics_before_or_after_and_never_half_done(
    store: RidesStore, path: Path
) -> None:
    store.store(ride_answer())
    compute(store)
    store.store(ride_answer("r2", "d2"))
    with store.transaction():
        store.compute_statistics()
        assert sql(path, "SELECT driver_uuid FROM driver_statistics") == [("d1",)]
    assert len(sql(path, "SELECT driver_uuid FROM driver_statistics")) == 2


def test_statistics_that_fail_midway_stay_what_they_were(store: RidesStore, path: Path) -> None:
    store.store(ride_answer())
    compute(store)
    store.store(ride_answer("r2", "d2"))
    with suppress(KeyboardInterrupt), store.transaction():
        store.compute_statistics()
        raise KeyboardInterrupt
    assert sql(path, "SELECT driver_uuid FROM driver_statistics") == [("d1",)]


def test_statistics_that_disagree_with_the_rides_are_found(store: RidesStore, path: Path) -> None:
    for number in range(4):
        store.store(ride_answer(str(number), f"d{number}"))
    compute(store)
    assert store.disagreeing_drivers() == []
    sql(
        path,
        "UPDATE driver_statistics SET total_distance = 1 WHERE driver_uuid = 'd1'",
        "DELETE FROM driver_statistics WHERE driver_uuid = 'd2'",
        "DELETE FROM rides WHERE driver_uuid = 'd3'",
    )
    assert sorted(store.disagreeing_drivers()) == ["d1", "d2", "d3"]


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


def store_many(path: str, name: str, rides: int, barrier: Barrier) -> None:
    """Be one of several processes that open one file and store rides at once."""
    barrier.wait()
    with RidesDatabase(path=path).open() as store:
        for number in range(rides):
            store.store(ride_answer(f"{name} {number % (rides - 1)}", driver=f"d{number % 7}"))
            if number % 10 == 0:
                compute(store)


def run_together(path: Path, count: int, rides: int) -> None:
    """Run processes that start on a new file at the same moment, and fail if one does."""
    barrier = processes.Barrier(count)
    started = [
        processes.Process(target=store_many, args=(str(path), f"p{n}", rides, barrier))
        for n in range(count)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * count


def test_two_processes_at_once_lose_nothing_and_count_nothing_twice(path: Path) -> None:
    run_together(path, count=2, rides=60)
    assert sql(path, "SELECT COUNT(*) FROM rides") == [(2 * 59,)]
    with RidesDatabase(path=str(path)).open() as store:
        compute(store)
    assert sql(path, BY_HAND) == sql(path, STATISTICS)


def test_processes_that_make_the_file_together_all_succeed(tmp_path: Path) -> None:
    for number in range(4):
        run_together(tmp_path / f"{number}.db", count=6, rides=2)


@pytest.mark.soak
def test_many_processes_that_make_many_files_together_all_succeed(tmp_path: Path) -> None:
    for number in range(100):
        run_together(tmp_path / f"{number}.db", count=6, rides=2)


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell here")
def test_a_million_rides_are_summed_up_as_the_bare_shell_does(path: Path) -> None:
    draw = random.Random(1).random  # noqa: S311
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer(driver="d0"))
        with store.transaction():
            execute = store._connection.executemany
            execute(
                "INSERT OR IGNORE INTO drivers VALUES (?, 'n', 's', 'c', '2020-01-01', NULL)",
                ([f"d{number}"] for number in range(1000)),
            )
            execute(
                "INSERT INTO rides VALUES (?, 'u1', ?, ?, ?)",
                (
                    (f"{n:x}-0000-4000-8000", f"d{int(draw() * 1000)}", draw() * 30, draw() * 50)
                    for n in range(999_999)
                ),
            )
        start = time.perf_counter()
        with store.transaction():
            store.compute_statistics()
            assert store.disagreeing_drivers() == []
        ours = time.perf_counter() - start
    copy = path.with_name("shell.db")
    shutil.copy(path, copy)
    sql(copy, "DELETE FROM driver_statistics")
    start = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        [shutil.which("sqlite3") or "", str(copy), COMPUTE_STATISTICS], check=True, timeout=100
    )
    bare = time.perf_counter() - start
    print(f"1,000,000 rides: {ours:.2f} s, checked; bare shell {bare:.2f} s")  # noqa: T201
    assert sql(path, BY_HAND) == sql(path, STATISTICS) == sql(copy, STATISTICS)
