"""The rides of the embedded sample API."""

import requests

from sales_assets.rides.ride import read_ride
from sales_assets.sample.api import SampleApi
from sales_assets.sample.rides import DRIVERS, sample_ride


def test_rides_are_plausible_and_new_and_some_tens_of_drivers_stay_the_same() -> None:
    answers = [read_ride(sample_ride(number)) for number in range(1, 1001)]
    assert len({answer["ride"]["ride_uuid"] for answer in answers}) == len(answers)
    assert all(0 < answer["ride"]["distance"] < 35 for answer in answers)
    assert all(2 < answer["ride"]["price"] < 70 for answer in answers)
    drivers = {answer["driver"]["driver_uuid"]: answer["driver"] for answer in answers}
    assert 20 <= len(drivers) <= DRIVERS
    assert all(drivers[answer["driver"]["driver_uuid"]] == answer["driver"] for answer in answers)


def test_a_seed_has_the_same_rides_in_every_version_of_python() -> None:
    ride = read_ride(sample_ride(1))["ride"]
    known = ("a49acf24-3444-5694-95c0-7ae050affbeb", 0.88, 4.15)
    assert (ride["ride_uuid"], ride["distance"], ride["price"]) == known
    assert sample_ride(1, "a") != sample_ride(1, "b")


def test_each_request_gets_the_next_ride_and_needs_no_token() -> None:
    with SampleApi() as server:
        bodies = [requests.get(f"{server.url}/ride", timeout=5).content for _ in range(3)]
    assert bodies == [sample_ride(number) for number in (1, 2, 3)]
