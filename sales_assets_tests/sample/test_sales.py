"""Invented sales."""

import datetime
import json

from sales_assets.sample.sales import rows_of_day, sample_page
from sales_assets_tests.helpers.rows import DAY, sale


def test_a_known_day_is_the_same_in_every_version_of_python() -> None:
    day = datetime.date.fromisoformat(DAY)
    first = json.loads(sample_page(day, 1) or b"")[0]
    known = sale(client="Arthur Fischer", product="Phone", price=1297)
    assert (rows_of_day(day), first) == (310, known)
    assert sample_page(day, 2) != sample_page(day, 3)
