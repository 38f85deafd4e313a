"""Numbered pages of a real server: their order, their end, how many at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sales_assets.feed.paging import DayChangedError, FeedApiError
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.rows import DAY, full_pages, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_sales_api
from sales_assets_tests.helpers.streams import bodies_of, facts_of

PAGES = [page(sale(price=number), sale(price=number + 1)) for number in range(1, 8, 2)]
IN_FLIGHT = pytest.mark.parametrize("max_in_flight", [1, 2, 8, 64])


def test_a_day_without_an_end_fails(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    with pytest.raises(FeedApiError, match="no end after 3 pages"):
        bodies_of(open_sales_api(api.url, max_pages=3).pages(DAY))


@IN_FLIGHT
def test_a_page_missing_for_good_is_not_the_end_of_a_day_that_goes_on(
    api: ScriptedApi, max_in_flight: int
) -> None:
    api.days[DAY] = full_pages(20)
    api.fail(status=404, page=11)
    with pytest.raises(DayChangedError):
        bodies_of(open_sales_api(api.url, max_in_flight=max_in_flight).pages(DAY))


@pytest.mark.parametrize(
    ("last", "ended"), [([], "404 after page 2"), ([b"[]"], "an empty list after page 2")]
)
def test_a_day_of_full_pages_ends_all_the_same(
    api: ScriptedApi, sales_api: SalesApi, last: list[bytes], ended: str
) -> None:
    api.days[DAY] = [*full_pages(2), *last]
    day = sales_api.pages(DAY)
    assert bodies_of(day) == full_pages(2)
    assert facts_of(day)["ended"] == ended


def test_pages_of_more_than_100_rows_are_taken_as_they_are(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.days[DAY] = [page(*(sale(price=n) for n in range(250))), PAGES[0]]
    assert [page.count for page in sales_api.pages(DAY)] == [250, 2]


def test_an_empty_list_for_ever_is_a_day_without_sales(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.fail(body="[]")
    day = sales_api.pages(DAY)
    assert bodies_of(day) == [b"[]"]
    assert facts_of(day)["ended"] == "an empty list after page 1"


@IN_FLIGHT
@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_pages_come_in_order_and_byte_for_byte_however_many_are_asked_for_at_once(
    api: ScriptedApi, max_in_flight: int, count: int
) -> None:
    odd = b'[ {"client":"A","extra" :1.50,\n"price": 2} ]'
    api.days[DAY] = [*full_pages(count), odd]
    api.fail(jitter=0.01)
    client = open_sales_api(api.url, max_in_flight=max_in_flight)
    assert bodies_of(client.pages(DAY)) == api.days[DAY]


@IN_FLIGHT
def test_no_more_requests_are_in_flight_than_allowed(api: ScriptedApi, max_in_flight: int) -> None:
    days = [f"2022-08-{day:02}" for day in range(10, 18)]
    api.days = dict.fromkeys(days, full_pages(9))
    api.fail(delay=0.002)
    client = open_sales_api(api.url, max_in_flight=max_in_flight)
    with ThreadPoolExecutor(len(days)) as pool:
        for pages in pool.map(lambda day: bodies_of(client.pages(day)), days):
            assert pages == full_pages(9)
    assert api.most_at_once <= max_in_flight


def test_a_small_day_costs_no_request_in_vain(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = [*full_pages(3), PAGES[0]]
    bodies_of(sales_api.pages(DAY))
    # Four pages and the end; again the first and the last one, and two past the end.
    assert len(api.requests) == 5 + 4
