"""Invented sales: plausible, a few hundred a day, and always the same for a day."""

import datetime
import functools
import json
import random
from collections.abc import Sequence

PAGE_SIZE = 100

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


def rows_of_day(day: datetime.date) -> int:
    """Return the number of sales of a day: a few hundred, most on Saturdays."""
    return int(_ROWS_BY_WEEKDAY[day.weekday()] * (0.9 + 0.2 * random.Random(f"{day}").random()))  # noqa: S311


@functools.lru_cache(maxsize=1000)
def sample_page(day: datetime.date, page: int) -> bytes | None:
    """Invent one page of a day by its number from 1: a JSON list; None past the last page."""
    count = min(PAGE_SIZE, rows_of_day(day) - (page - 1) * PAGE_SIZE)
    if page < 1 or count <= 0:
        return None
    # Only random() guarantees the same numbers in every version of Python.
    draw = random.Random(f"{day} {page}").random  # noqa: S311

    def one_of(choices: Sequence[str]) -> str:
        return choices[int(draw() * len(choices))]

    products = list(_PRODUCTS)
    sales = []
    for _ in range(count):
        product = one_of(products)
        low, high = _PRODUCTS[product]
        sales.append(
            {
                "client": f"{one_of(_FIRST_NAMES)} {one_of(_LAST_NAMES)}",
                "purchase_date": day.isoformat(),
                "product": product,
                "price": low + int(draw() * (high - low)),
            }
        )
    return json.dumps(sales).encode()
