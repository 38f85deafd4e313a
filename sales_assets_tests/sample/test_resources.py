"""The API resources that bring their own server."""

import datetime

import pytest

from sales_assets.sample.invented import PAGE_SIZE, rows_of_day
from sales_assets.sample.resources import SampleRidesApi, SampleSalesApi
from sales_assets_tests.helpers.rows import DAY


def rides_of(run_id: str | None) -> list[str]:
    with SampleRidesApi().open(run_id) as api:
        answers = [*api.rides(interval=0, polls=3)]
        return [answer["ride"]["ride_uuid"] for answer in answers if isinstance(answer, dict)]


def test_whole_days_of_sales_need_no_token_and_say_that_they_are_invented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AUTH_TOKEN", raising=False)
    with SampleSalesApi().open() as api:
        day = api.pages(DAY)
        *pages, last = [page.count for page in day]
        assert pages == [PAGE_SIZE] * len(pages)
        assert sum(pages) + last == rows_of_day(datetime.date.fromisoformat(DAY))
        assert "INVENTED" in day.result.metadata["source"]


def test_a_run_has_rides_of_its_own_and_the_same_ones_when_it_is_repeated() -> None:
    assert rides_of("one") == rides_of("one")
    assert len({*rides_of("one"), *rides_of("two"), *rides_of(None), *rides_of(None)}) == 12
