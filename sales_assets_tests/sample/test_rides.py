"""The rides of the embedded sample API."""

import requests

from sales_assets.rides.ride import read_ride
from sales_assets.sample.api import SampleApi
from sales_assets.sample.rides import DRIVERS, sample_ride


def test_every_ride_is_whole_plausible_and_new() -> None:
    answers = [read_ride(sample_ride(number)) for number in range(1, 1001)]
    assert len({answer["ride"]["ride_uuid"] for answer in answers}) == len(answers)
    assert all(0 < answer["ride"]["distance"] < 35 for answer in answers)
    assert all(2 < answer["ride"]["price"] < 70 for answer in answers)


def test_there_are_some_tens_of_drivers_who_stay_the_same() -> None:
    drivers = [read_ride(sample_ride(number))["driver"] for number in range(1, 2001)]
    by_id = {driver["driver_uuid"]: driver for driver in drivers}
    assert 20 <= len(by_id) <= DRIVERS
    assert all(by_id[driver["driver_uuid"]] == driver for driver in drivers)


def test_a_seed_always_has_the_same_rides() -> None:
    assert sample_ride(5, "a") == sample_ride(5, "a") != sample_ride(5, "b")


def test_a_known_ride_is_the_same_in_every_version_of_python() -> None:
    ride = read_ride(sample_ride(1))["ride"]
    assert (ride["ride_uuid"], ride["distance"], ride["price"]) == (
        "a49acf24-3444-5694-95c0-7ae050affbeb",
        0.88,
        4.15,
    )


def test_each_request_gets_the_next_ride_and_needs_no_token() -> None:
    with SampleApi() as server:
        bodies = [requests.get(f"{server.url}/ride", timeout=5).content for _ in range(3)]
    assert bodies == [sample_ride(number) for number in (1, 2, 3)]
