"""What is written of the rides, what is computed of them, and what happens when several write."""

import random
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterable
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from sales_assets.rides.database import COMPUTE_STATISTICS, RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.forkserver import processes
from sales_assets_tests.helpers.rides_file import BY_HAND, STATISTICS, compute, sql
from sales_assets_tests.helpers.rows import ride_answer


def test_an_answer_is_stored_in_three_tables(store: RidesStore, path: Path) -> None:
    assert store.store(ride_answer())
    assert sql(path, "SELECT * FROM rides") == [("r1", "u1", "d1", 2.5, 7.0)]
    assert sql(path, "SELECT * FROM drivers") == [
        ("d1", "Ada", "Byron", "c1", "2020-01-01", "2030-01-01")
    ]
    assert sql(path, "SELECT * FROM users") == [("u1", "Bob", "Babbage", 0)]


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
    assert sql(store.path, "SELECT ride_uuid, driver_uuid FROM rides") == [(text, text)]
    assert sql(store.path, "SELECT name FROM drivers") == [(text,)]
    assert sql(store.path, "SELECT surname FROM users") == [(text,)]
    assert [row["driver_uuid"] for row in compute(store)] == [text]


def test_a_ride_without_its_driver_is_refused_and_nothing_of_it_written(
    store: RidesStore,
) -> None:
    answer = ride_answer()
    answer["driver"]["driver_uuid"] = "another"
    with pytest.raises(RidesDatabaseError, match="FOREIGN KEY"):
        store.store(answer)
    assert sql(store.path, "SELECT * FROM drivers") == []


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
    sql(store.path, "UPDATE driver_statistics SET updated_at = 'then'")
    store.store(ride_answer("r3", "d2"))
    first, second = compute(store)
    assert first["updated_at"] == "then" != second["updated_at"]


def fill(path: Path, table: str, rows: Iterable[Iterable[Any]]) -> None:
    """Write many rows at once; of several with one key the first."""
    marks = ", ".join("?" * len(sql(path, f"PRAGMA table_info({table})")))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            f"INSERT OR IGNORE INTO {table} VALUES ({marks})",  # noqa: S608
            (tuple(row) for row in rows),
        )


def test_the_sums_do_not_depend_on_the_order_in_which_the_rides_came(tmp_path: Path) -> None:
    draw = random.Random(7)  # noqa: S311
    answers = [
        ride_answer(
            str(number), f"d{number % 3}", distance=draw.random() * 10 ** draw.randint(-9, 9)
        )
        for number in range(600)
    ]
    tables = []
    for path in (tmp_path / "one.db", tmp_path / "other.db"):
        draw.shuffle(answers)
        with RidesDatabase(path=str(path)).open() as store:
            for table in ("drivers", "users", "rides"):
                fill(path, table, (answer[table[:-1]].values() for answer in answers))
            compute(store)
        tables.append(sql(path, STATISTICS))
        assert sql(path, BY_HAND) == tables[-1]
    assert tables[0] == tables[1]


def test_statistics_that_fail_midway_stay_what_they_were(store: RidesStore, path: Path) -> None:
    store.store(ride_answer(driver="d1"))
    compute(store)
    store.store(ride_answer(driver="d2"))
    store.store(ride_answer("r2", "d3"))
    sql(
        path,
        "CREATE TRIGGER stop BEFORE INSERT ON driver_statistics WHEN NEW.driver_uuid = 'd3' "
        "BEGIN SELECT RAISE(ABORT, 'stopped'); END",
    )
    with pytest.raises(RidesDatabaseError, match="stopped"):
        store.compute_statistics()
    assert sql(path, "SELECT driver_uuid FROM driver_statistics") == [("d1",)]


def test_a_sum_beyond_the_largest_float_is_infinite_and_harms_no_other(store: RidesStore) -> None:
    for ride, driver, distance in (("r1", "d1", 1e308), ("r2", "d1", 1e308), ("r3", "d2", 2.5)):
        store.store(ride_answer(ride, driver, distance=distance))
    assert [row["total_distance"] for row in compute(store)] == [float("inf"), 2.5]
    assert store.disagreeing_drivers() == []


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


def test_implausible_rides_are_counted_and_the_first_ten_given(store: RidesStore) -> None:
    for number, distance in enumerate((0.0, 9.0, -0.1, *[9.5] * 10)):
        store.store(ride_answer(f"r{number:02}", distance=distance))
    count, first = store.implausible_rides(9)
    assert (count, [row["ride_uuid"] for row in first]) == (11, [f"r{n:02}" for n in range(2, 12)])


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 shell here")
def test_a_million_rides_are_summed_up_as_the_bare_shell_does(path: Path) -> None:
    draw = random.Random(1).random  # noqa: S311
    with RidesDatabase(path=str(path)).open() as store:
        store.store(ride_answer(driver="d0"))
        fill(
            path,
            "drivers",
            ([f"d{number}", "n", "s", "c", "2020-01-01", None] for number in range(1000)),
        )
        fill(
            path,
            "rides",
            (
                (f"{n:x}-0000-4000-8000", "u1", f"d{int(draw() * 1000)}", draw() * 30, draw() * 50)
                for n in range(999_999)
            ),
        )
        start = time.perf_counter()
        assert store.compute_statistics().disagreeing == []
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
