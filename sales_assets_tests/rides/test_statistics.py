"""The totals of each driver."""

import random

import pytest

from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets_tests.helpers.rides_file import STATISTICS, by_hand, compute, sql
from sales_assets_tests.helpers.rows import ride_answer


def distances_of(rides: RidesStore, place: str, *distances: float) -> list[float]:
    """Store these distances of a first driver and one of a second; give their totals."""
    for number, distance in enumerate(distances):
        rides.store(ride_answer(f"r{number}", "d1", distance=distance))
    rides.store(ride_answer("of another", "d2", distance=2.5))
    return [row["total_distance"] for row in compute(place)]


def test_only_figures_that_change_are_updated(rides: RidesStore, place: str) -> None:
    for driver in ("d1", "d2", "d3"):
        rides.store(ride_answer(f"of {driver}", driver))
    compute(place)
    sql(place, "UPDATE driver_statistics SET updated_at = 'then'")
    rides.store(ride_answer("r4", "d2", distance=4.5))
    rides.store(ride_answer("of d3", "d2"))
    first, second = compute(place)
    assert (first["driver_uuid"], second["driver_uuid"]) == ("d1", "d2")
    assert first["updated_at"] == "then" != second["updated_at"]
    assert second["average_distance"] == second["total_distance"] / 3


def test_the_sums_do_not_depend_on_the_order_in_which_the_rides_came(place: str) -> None:
    draw = random.Random(7)  # noqa: S311
    distances = [draw.random() * 10 ** draw.randint(-9, 9) for _ in range(60)]
    sums = []
    for _ in range(2):
        draw.shuffle(distances)
        with RidesDatabase(path=place).open() as store:
            sql(place, "DELETE FROM rides")
            for number, distance in enumerate(distances):
                store.store(ride_answer(str(number), distance=distance, price=distance / 3))
        compute(place)
        sums.append(sql(place, STATISTICS))
        assert by_hand(place) == sums[-1]
    assert sums[0] == sums[1]


def test_statistics_that_fail_midway_stay_what_they_were(rides: RidesStore, place: str) -> None:
    rides.store(ride_answer(driver="d1"))
    compute(place)
    rides.store(ride_answer(driver="d2"))
    rides.store(ride_answer("r2", "d3"))
    sql(place, "CREATE UNIQUE INDEX stop ON driver_statistics (rides)")
    with pytest.raises(RidesDatabaseError, match=r"(?i)unique"):
        rides.compute_statistics()
    assert sql(place, "SELECT driver_uuid FROM driver_statistics") == [("d1",)]


@pytest.mark.parametrize(
    ("one", "another", "total"), [(1e308, 1e308, float("inf")), (5e-324, 0.0, 5e-324)]
)
def test_figures_too_large_or_too_small_harm_no_other(
    rides: RidesStore, place: str, one: float, another: float, total: float
) -> None:
    assert distances_of(rides, place, one, another) == [total, 2.5]


def test_a_driver_whose_rides_have_no_sum_has_no_row(rides: RidesStore, place: str) -> None:
    distances_of(rides, place, 1.0, 1.0)
    # Which the API cannot bring, but another program may.
    for ride, distance in (("r0", "9e999"), ("r1", "-9e999")):
        value = distance if place.endswith("rides.db") else f"'{'-' * (ride == 'r1')}Infinity'"
        sql(place, f"UPDATE rides SET distance = {value} WHERE ride_uuid = '{ride}'")  # noqa: S608
    assert [row["driver_uuid"] for row in compute(place)] == ["d2"]
