"""Invented sales and rides: plausible, and always the same for a day, or for a seed."""

import datetime
import functools
import json
import random
import uuid
from collections.abc import Callable, Sequence

from sales_assets.rides.ride import Driver, Ride, User

PAGE_SIZE = 100
DRIVERS = 40
USERS = 400

_ROWS_BY_WEEKDAY = (290, 300, 310, 330, 400, 460, 370)
_FIRST_NAMES = ("Amelia", "Arthur", "Carlos", "Chloe", "Daniel", "Elena", "Farid", "Grace")
_LAST_NAMES = ("Adams", "Bauer", "Castro", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ito")
_PRODUCTS = {
    "TV": (500, 2500),
    "Laptop": (500, 3500),
    "Phone": (150, 1500),
    "coffee machine": (400, 4900),
    "Vacuum cleaner": (80, 800),
    "Microwave oven": (100, 600),
}
_NAMES = ("Ana", "Bogdan", "Clara", "Dmytro", "Emil", "Fatima", "Hugo", "Iryna", "Jonas")
_SURNAMES = ("Almeida", "Berg", "Costa", "Dubois", "Kovalenko", "Lindqvist", "Moreau", "Novak")
_BASE_FARE = 2.5
_FARE_PER_KM = 1.2


def rows_of_day(day: datetime.date) -> int:
    """Return the number of sales of a day: a few hundred, most on Saturdays."""
    return int(_ROWS_BY_WEEKDAY[day.weekday()] * (0.9 + 0.2 * _draw(f"{day}")()))


@functools.lru_cache(maxsize=1000)
def sample_page(day: datetime.date, page: int) -> bytes | None:
    """Invent one page of a day by its number from 1: a JSON list; None past the last page."""
    count = min(PAGE_SIZE, rows_of_day(day) - (page - 1) * PAGE_SIZE)
    if page < 1 or count <= 0:
        return None
    draw = _draw(f"{day} {page}")
    sales = []
    for _ in range(count):
        product = _one_of([*_PRODUCTS], draw)
        low, high = _PRODUCTS[product]
        sales.append(
            {
                "client": f"{_one_of(_FIRST_NAMES, draw)} {_one_of(_LAST_NAMES, draw)}",
                "purchase_date": day.isoformat(),
                "product": product,
                "price": low + int(draw() * (high - low)),
            }
        )
    return json.dumps(sales).encode()


def sample_ride(number: int, seed: str = "sample") -> bytes:
    """Invent a response to `GET /ride` by seed and ride number; distances in km.

    The drivers and users are the same for every seed.
    """
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
        "name": _one_of(_NAMES, draw),
        "surname": _one_of(_SURNAMES, draw),
        "car_uuid": _uuid(f"car {number}"),
        "effective_from": f"{since}-{1 + int(draw() * 12):02}-01",
        "expiry_date": f"{since + 15}-12-31",
    }


def _user(number: int) -> User:
    draw = _draw(f"user {number}")
    return {
        "user_uuid": _uuid(f"user {number}"),
        "name": _one_of(_NAMES, draw),
        "surname": _one_of(_SURNAMES, draw),
        "is_driver": draw() < 0.05,
    }


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def _draw(seed: str) -> Callable[[], float]:
    # Only random() guarantees the same numbers in every version of Python.
    return random.Random(seed).random  # noqa: S311


def _one_of(choices: Sequence[str], draw: Callable[[], float]) -> str:
    return choices[int(draw() * len(choices))]
