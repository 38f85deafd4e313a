"""The rides that the sample API invents: plausible, and always the same for a seed.

The drivers and users are the same for every seed. How rides are served does not belong here.
"""

import json
import random
import uuid
from collections.abc import Callable, Sequence

from sales_assets.rides.ride import Driver, Ride, User

DRIVERS = 40
USERS = 400

_FIRST_NAMES = ("Ana", "Bogdan", "Clara", "Dmytro", "Emil", "Fatima", "Hugo", "Iryna", "Jonas")
_LAST_NAMES = ("Almeida", "Berg", "Costa", "Dubois", "Kovalenko", "Lindqvist", "Moreau", "Novak")
_BASE_FARE = 2.5
_FARE_PER_KM = 1.2


def sample_ride(number: int, seed: str = "sample") -> bytes:
    """Invent a response to `GET /ride` by seed and ride number; distances in km."""
    draw = _draw(f"{seed} ride {number}")
    # Some drivers work more than others.
    driver = _driver(int(draw() * draw() * DRIVERS))
    user = _user(int(draw() * USERS))
    distance = round(0.8 + 30 * draw() ** 3, 2)
    fare = (_BASE_FARE + _FARE_PER_KM * distance) * (0.9 + 0.4 * draw())
    ride: Ride = {
        "ride_uuid": _uuid(f"{seed} ride {number}"),
        "user_uuid": user["user_uuid"],
        "driver_uuid": driver["driver_uuid"],
        "distance": distance,
        "price": round(fare, 2),
    }
    return json.dumps({"ride": ride, "driver": driver, "user": user}).encode()


def _driver(number: int) -> Driver:
    draw = _draw(f"driver {number}")
    since = 2015 + int(draw() * 7)
    return {
        "driver_uuid": _uuid(f"driver {number}"),
        "name": _one_of(_FIRST_NAMES, draw),
        "surname": _one_of(_LAST_NAMES, draw),
        "car_uuid": _uuid(f"car {number}"),
        "effective_from": f"{since}-{1 + int(draw() * 12):02}-01",
        "expiry_date": f"{since + 15}-12-31",
    }


def _user(number: int) -> User:
    draw = _draw(f"user {number}")
    return {
        "user_uuid": _uuid(f"user {number}"),
        "name": _one_of(_FIRST_NAMES, draw),
        "surname": _one_of(_LAST_NAMES, draw),
        "is_driver": draw() < 0.05,
    }


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _draw(seed: str) -> Callable[[], float]:
    # Only random() guarantees the same numbers in every version of Python.
    return random.Random(seed).random  # noqa: S311


def _one_of(choices: Sequence[str], draw: Callable[[], float]) -> str:
    return choices[int(draw() * len(choices))]
