"""What each driver has driven: the figures, and how they are compared with the rides."""

import random
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


def test_the_statistics_of_no_rides_are_none(rides: RidesStore, place: str) -> None:
    assert compute(place) == []


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
    assert rides.disagreeing_drivers() == []


def test_statistics_that_disagree_with_the_rides_are_found(rides: RidesStore, place: str) -> None:
    for number in range(4):
        rides.store(ride_answer(str(number), f"d{number}"))
    compute(place)
    assert rides.disagreeing_drivers() == []
    sql(
        place,
        "UPDATE driver_statistics SET total_distance = 1 WHERE driver_uuid = 'd1'",
        "DELETE FROM driver_statistics WHERE driver_uuid = 'd2'",
        "DELETE FROM rides WHERE driver_uuid = 'd3'",
    )
    assert sorted(rides.disagreeing_drivers()) == ["d1", "d2", "d3"]
