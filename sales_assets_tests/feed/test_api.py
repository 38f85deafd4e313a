"""The API of a daily feed, that of the sales, against a real server."""

from typing import Any

import pytest

from sales_assets.feed.paging import FeedApiError
from sales_assets.feed.styles import DayParameter, DayRange, NumberedPages
from sales_assets.http.tokens import ParameterToken
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.passing_faults import PASSING
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_sales_api
from sales_assets_tests.helpers.streams import bodies_of

PAGES = [page(sale(price=number), sale(price=number + 1)) for number in range(1, 8, 2)]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("number", [1, 2])
def test_an_answer_that_is_not_a_page_is_asked_for_again(
    api: ScriptedApi, fault: dict[str, Any], number: int
) -> None:
    api.days[DAY] = PAGES
    api.fail(**fault, page=number, times=1)
    # Only a request that has no end needs a short limit, in which others may not make it, either.
    is_endless = fault.keys() & {"drip", "delay"}
    limits = {"read_timeout": 0.4, "request_timeout": 0.5, "max_attempts": 100}
    client = open_sales_api(api.url, retry_after_cap=0.01, **(limits if is_endless else {}))
    day = client.pages(DAY)
    assert bodies_of(day) == PAGES
    retries = day.result.metadata["retries"]
    assert retries > 0 if is_endless else retries == 1


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_an_answer_that_is_never_a_page_fails_the_day(
    api: ScriptedApi, fault: dict[str, Any]
) -> None:
    api.days[DAY] = PAGES
    api.fail(**fault)
    client = open_sales_api(
        api.url, read_timeout=0.1, request_timeout=0.2, max_attempts=2, retry_after_cap=0.01
    )
    failed = r"2022-08-09: could not fetch page 1.*: 2 attempts failed; last error: "
    with pytest.raises(FeedApiError, match=failed):
        bodies_of(client.pages(DAY))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"error": "busy"}', "got an object instead of a list of rows"),
        ("null", "got null instead"),
        ("[{}, 1]", "row 2 is a number, not an object"),
        ("NaN", "got a number instead"),
        ('"busy"', "got a string instead"),
        ("[" * 1000 + "]" * 1000, "nested deeper than 200 levels"),
    ],
)
def test_complete_json_of_another_shape_fails_at_once(
    api: ScriptedApi, sales_api: SalesApi, body: str, says: str
) -> None:
    api.fail(body=body)
    with pytest.raises(FeedApiError, match=f"page 1.*HTTP 200, but .*{says}"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_a_byte_order_mark_is_passed_over_and_kept(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = [b"\xef\xbb\xbf" + PAGES[0], *PAGES[1:]]
    day = sales_api.pages(DAY)
    assert bodies_of(day) == api.days[DAY]
    assert day.result.metadata["retries"] == 0


def test_a_server_that_is_not_there_fails_in_the_end(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.__exit__(None, None, None)
    with pytest.raises(FeedApiError, match=r"3 attempts failed.*no connection .Connection refused"):
        bodies_of(sales_api.pages(DAY))


def test_retry_after_is_followed(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    api.fail(status=429, headers={"Retry-After": "100"}, times=1)
    client = open_sales_api(api.url, day_timeout=60)
    with pytest.raises(FeedApiError, match=r"in 60 s \(day_timeout\): 1 attempt failed.*HTTP 429"):
        bodies_of(client.pages(DAY))
    assert len(api.requests) == 1


def test_a_day_that_is_read_again_has_no_more_time(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    api.fail(delay=0.5, times=1)
    day = open_sales_api(api.url, day_timeout=0.4).pages(DAY)
    for _ in range(2):
        with pytest.raises(FeedApiError, match=r"could not fetch page \d.*in 0\.4 s"):
            bodies_of(day)


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ({"row": None}, "OddApi.row is None, not RowSchema"),
        ({"day": "date"}, "OddApi.day is 'date', not .*DayParameter"),
        ({"rows_at": ["items"]}, r"OddApi.rows_at is \['items'\], not str"),
        ({"rows_at": "data..items"}, "a key is empty"),
        ({"parameters": "limit=100"}, "OddApi.parameters is .*, not Mapping"),
        ({"paging": NumberedPages("date")}, r"different names: \['date', 'date'\]"),
        ({"token_style": ParameterToken("page")}, "different names"),
        ({"day": DayRange("day", "day")}, "different names"),
        ({"day": DayParameter("")}, "different names"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_by_name(
    declared: dict[str, Any], says: str
) -> None:
    with pytest.raises(TypeError, match=says):
        type("OddApi", (SalesApi,), declared)
