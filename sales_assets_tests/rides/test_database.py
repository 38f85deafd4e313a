"""What is written of the rides, what is computed of them, and what happens when several write."""

from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError, UnstorableRideError
from sales_assets_tests.helpers.forkserver import processes
from sales_assets_tests.helpers.rides_file import (
    STATISTICS,
    by_hand,
    compute,
    sql,
    stored,
)
from sales_assets_tests.helpers.rows import ride_answer


def test_an_answer_is_stored_in_three_tables(rides: RidesStore, place: str) -> None:
    assert rides.store(ride_answer())
    assert sql(place, "SELECT * FROM rides") == [("r1", "u1", "d1", 2.5, 7.0)]
    assert sql(place, "SELECT * FROM drivers") == [
        ("d1", "Ada", "Byron", "c1", "2020-01-01", "2030-01-01")
    ]
    assert sql(place, "SELECT * FROM users") == [("u1", "Bob", "Babbage", 0)]


def test_a_ride_seen_again_replaces_itself(rides: RidesStore, place: str) -> None:
    assert rides.store(ride_answer())
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
    assert sql(place, "SELECT ride_uuid, driver_uuid FROM rides") == [(text, text)]
    assert sql(place, "SELECT name FROM drivers") == [(text,)]
    assert sql(place, "SELECT surname FROM users") == [(text,)]
    assert [row["driver_uuid"] for row in compute(place)] == [text]


def test_text_with_a_nul_is_stored_as_it_is_in_a_file(store: RidesStore, path: Path) -> None:
    store.store(ride_answer("a\0b"))
    assert stored(path) == {"a\0b"}


@pytest.mark.slow
def test_text_with_a_nul_is_refused_by_postgres(postgres: str) -> None:
    with RidesDatabase(path=postgres).open() as store:
        with pytest.raises(UnstorableRideError, match="NUL"):
            store.store(ride_answer("a\0b"))
        store.store(ride_answer("r1"))
    assert stored(postgres) == {"r1"}


def store_many(place: str, name: str, count: int, barrier: Barrier) -> None:
    """Be one of several processes that open one database and store rides at once."""
    barrier.wait()
    with RidesDatabase(path=place).open() as store:
        for number in range(count):
            store.store(ride_answer(f"{name} {number % (count - 1)}", driver=f"d{number % 7}"))
            if number % 10 == 0:
                store.compute_statistics()


def run_together(place: str, processes_: int, count: int) -> None:
    """Run processes that start on a new database at the same moment, and fail if one does."""
    barrier = processes.Barrier(processes_)
    started = [
        processes.Process(target=store_many, args=(place, f"p{n}", count, barrier))
        for n in range(processes_)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0] * processes_


def test_two_processes_at_once_lose_nothing_and_count_nothing_twice(place: str) -> None:
    run_together(place, 2, count=60)
    assert len(stored(place)) == 2 * 59
    compute(place)
    assert by_hand(place) == sql(place, STATISTICS)


def test_processes_that_make_the_tables_together_all_succeed(place: str) -> None:
    run_together(place, 6, count=2)


@pytest.mark.parametrize(
    "place",
    [
        *("mysql://u:SECRET@h/db", "postgresql:/u:SECRET@h/db", "sqlite:////SECRET"),
        *("'postgresql://u:SECRET@h/db'", "//u:SECRET@h", "$X://u:SECRET@h"),
        *(":memory:", "", "$HOME/rides.db", "'rides.db'", "~nobody-here/rides.db"),
    ],
)
def test_a_place_of_another_kind_is_refused_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RidesDatabaseError, match="the path of a SQLite file") as error:
        RidesDatabase(path=place).open().__enter__()
    assert "SECRET" not in str(error.value)
    assert not any(tmp_path.iterdir())
