"""Invented sales and rides."""

import datetime
import json

from sales_assets.rides.ride import read_ride
from sales_assets.sample.invented import DRIVERS, rows_of_day, sample_page, sample_ride
from sales_assets_tests.helpers.rows import DAY, sale


def test_a_known_day_is_the_same_in_every_version_of_python() -> None:
    day = datetime.date.fromisoformat(DAY)
    first = json.loads(sample_page(day, 1) or b"")[0]
    known = sale(client="Arthur Fischer", product="Phone", price=1297)
    assert (rows_of_day(day), first) == (310, known)
    assert sample_page(day, 2) != sample_page(day, 3)


def test_a_seed_has_the_same_rides_in_every_version_of_python() -> None:
    ride = read_ride(sample_ride(1))["ride"]
    known = ("a49acf24-3444-5694-95c0-7ae050affbeb", 0.88, 4.15)
    assert (ride["ride_uuid"], ride["distance"], ride["price"]) == known
    assert sample_ride(1, "a") != sample_ride(1, "b")


def test_rides_are_plausible_and_new_and_some_tens_of_drivers_stay_the_same() -> None:
    answers = [read_ride(sample_ride(number)) for number in range(1, 1001)]
    assert len({answer["ride"]["ride_uuid"] for answer in answers}) == len(answers)
    assert all(0 < answer["ride"]["distance"] < 35 for answer in answers)
    assert all(2 < answer["ride"]["price"] < 70 for answer in answers)
    drivers = {answer["driver"]["driver_uuid"]: answer["driver"] for answer in answers}
    assert 20 <= len(drivers) <= DRIVERS
    assert all(drivers[answer["driver"]["driver_uuid"]] == answer["driver"] for answer in answers)
