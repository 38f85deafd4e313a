"""The totals of each driver."""

import random
import time
from typing import Any

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.rides_file import STATISTICS, by_hand, compute, fill, sql
from sales_assets_tests.helpers.rows import ride_answer


def test_the_statistics_are_those_of_the_rides(rides: RidesStore, place: str) -> None:
    for ride, driver, distance, price in (
        ("r1", "d1", 1.5, 4.0),
        ("r2", "d2", 8.0, 1.0),
        ("r3", "d1", 2.5, 6.0),
    ):
        rides.store(ride_answer(ride, driver, distance=distance, price=price))
    rows = [list(row.values())[:5] for row in compute(place)]
    assert rows == [["d1", 4.0, 2, 10.0, 2.0], ["d2", 8.0, 1, 1.0, 8.0]]


def test_a_driver_who_is_gone_is_gone(rides: RidesStore, place: str) -> None:
    rides.store(ride_answer(driver="d1"))
    compute(place)
    rides.store(ride_answer(driver="d2"))
    assert [row["driver_uuid"] for row in compute(place)] == ["d2"]


def test_only_figures_that_change_are_updated(rides: RidesStore, place: str) -> None:
    rides.store(ride_answer("r1", "d1"))
    rides.store(ride_answer("r2", "d2"))
    compute(place)
    sql(place, "UPDATE driver_statistics SET updated_at = 'then'")
    rides.store(ride_answer("r3", "d2"))
    first, second = compute(place)
    assert first["updated_at"] == "then" != second["updated_at"]


def test_the_sums_do_not_depend_on_the_order_in_which_the_rides_came(place: str) -> None:
    draw = random.Random(7)  # noqa: S311
    answers = [
        ride_answer(
            str(number), f"d{number % 3}", distance=draw.random() * 10 ** draw.randint(-9, 9)
        )
        for number in range(300)
    ]
    sums = []
    for _ in range(2):
        draw.shuffle(answers)
        with RidesDatabase(path=place).open():
            sql(place, "DELETE FROM rides", "DELETE FROM drivers", "DELETE FROM users")
        for table in ("drivers", "users", "rides"):
            fill(place, table, [tuple(map(plain, a[table[:-1]].values())) for a in answers])
        compute(place)
        sums.append(sql(place, STATISTICS))
        assert by_hand(place) == sums[-1]
    assert sums[0] == sums[1]


def plain(value: Any) -> Any:
    """Make a truth value the number that the tables hold."""
    return int(value) if isinstance(value, bool) else value


def test_statistics_that_fail_midway_stay_what_they_were(rides: RidesStore, place: str) -> None:
    rides.store(ride_answer(driver="d1"))
    compute(place)
    rides.store(ride_answer(driver="d2"))
    rides.store(ride_answer("r2", "d3"))
    sql(place, "CREATE UNIQUE INDEX stop ON driver_statistics (rides)")
    with pytest.raises(RidesDatabaseError, match=r"(?i)unique"):
        rides.compute_statistics()
    assert sql(place, "SELECT driver_uuid FROM driver_statistics") == [("d1",)]


def test_a_sum_beyond_the_largest_float_is_infinite_and_harms_no_other(
    rides: RidesStore, place: str
) -> None:
    for ride, driver, distance in (("r1", "d1", 1e308), ("r2", "d1", 1e308), ("r3", "d2", 2.5)):
        rides.store(ride_answer(ride, driver, distance=distance))
    assert [row["total_distance"] for row in compute(place)] == [float("inf"), 2.5]


def test_figures_too_small_for_an_average_harm_no_other(rides: RidesStore, place: str) -> None:
    for ride, driver, distance in (("r1", "d1", 5e-324), ("r2", "d1", 0.0), ("r3", "d2", 2.5)):
        rides.store(ride_answer(ride, driver, distance=distance))
    assert [row["total_distance"] for row in compute(place)] == [5e-324, 2.5]


def test_a_driver_whose_rides_have_no_sum_has_no_row(rides: RidesStore, place: str) -> None:
    for ride, driver in (("r1", "d1"), ("r2", "d1"), ("r3", "d2")):
        rides.store(ride_answer(ride, driver))
    # Which the API cannot bring, but another program may.
    for ride, distance in (("r1", "9e999"), ("r2", "-9e999")):
        value = distance if place.endswith("rides.db") else f"'{'-' * (ride == 'r2')}Infinity'"
        sql(place, f"UPDATE rides SET distance = {value} WHERE ride_uuid = '{ride}'")  # noqa: S608
    assert [row["driver_uuid"] for row in compute(place)] == ["d2"]


@pytest.mark.soak
def test_a_million_rides_are_summed_up(place: str) -> None:
    draw = random.Random(1).random  # noqa: S311
    with RidesDatabase(path=place).open() as store:
        store.store(ride_answer(driver="d0"))
        fill(place, "drivers", ((f"d{n}", "n", "s", "c", "2020-01-01", None) for n in range(1000)))
        rides = (
            (f"{n:x}-0000-4000-8000", "u1", f"d{int(draw() * 1000)}", draw() * 30, draw() * 50)
            for n in range(999_999)
        )
        fill(place, "rides", rides)
        start = time.perf_counter()
        store.compute_statistics()
        print(f"1,000,000 rides: {time.perf_counter() - start:.2f} s")  # noqa: T201
