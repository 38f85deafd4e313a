"""Invented sales."""

import datetime
import json

from sales_assets.sample.sales import PAGE_SIZE, rows_of_day, sample_page
from sales_assets_tests.helpers.rows import DAY, sale

DATE = datetime.date.fromisoformat(DAY)


def test_a_known_day_is_the_same_in_every_version_of_python() -> None:
    first = json.loads(sample_page(DATE, 1) or b"")[0]
    assert (rows_of_day(DATE), first) == (
        310,
        sale(client="Arthur Fischer", product="Phone", price=1297),
    )
    assert sample_page(DATE, 2) != sample_page(DATE, 3)


def test_weeks_have_a_rhythm() -> None:
    days = [DATE + datetime.timedelta(days=day) for day in range(70)]
    by_weekday = [sum(rows_of_day(day) for day in days if day.weekday() == n) for n in range(7)]
    assert max(by_weekday) == by_weekday[5]
    assert min(map(rows_of_day, days)) > PAGE_SIZE
