"""Days as texts."""

import datetime

import pytest

from sales_assets.feed.days import is_day, parse_day


def test_a_day_is_read() -> None:
    assert parse_day("2022-08-09") == datetime.date(2022, 8, 9)


@pytest.mark.parametrize("text", ["", "all", "20220809", "2022-W32-2", "2022-02-30", "2022-08-09 "])
def test_any_other_text_is_no_day(text: str) -> None:
    assert parse_day(text) is None
    assert not is_day(text)
