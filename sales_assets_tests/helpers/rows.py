"""Good rows, as the APIs answer them, and their days."""

import datetime
import json
from typing import Any

DAY = "2022-08-09"


def sale(**changes: Any) -> dict[str, Any]:
    """Give a good sale of `DAY`, with some fields changed."""
    good = {"client": "Ada Byron", "purchase_date": DAY, "product": "TV", "price": 900}
    return {**good, **changes}


def page(*sales: Any) -> bytes:
    return json.dumps(sales).encode()


def full_pages(count: int) -> list[bytes]:
    """Give pages of a hundred different rows each."""
    numbers = range(count * 100)
    return [page(*[sale(price=n) for n in numbers[at : at + 100]]) for at in numbers[::100]]


def ride_answer(ride: str = "r1", driver: str = "d1", **changes: Any) -> Any:
    """Give a good answer of the rides API, with some fields of the ride changed."""
    return {
        "ride": {
            "ride_uuid": ride,
            "user_uuid": "u1",
            "driver_uuid": driver,
            "distance": 2.5,
            "price": 7.0,
            **changes,
        },
        "driver": {
            "driver_uuid": driver,
            "name": "Ada",
            "surname": "Byron",
            "car_uuid": "c1",
            "effective_from": "2020-01-01",
            "expiry_date": "2030-01-01",
        },
        "user": {"user_uuid": "u1", "name": "Bob", "surname": "Babbage", "is_driver": False},
    }


def days_from(first: str, count: int = 30) -> list[str]:
    """Give so many days in a row; a month's unless told."""
    day = datetime.date.fromisoformat(first)
    return [f"{day + datetime.timedelta(n)}" for n in range(count)]
