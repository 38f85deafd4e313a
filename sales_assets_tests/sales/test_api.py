"""The API client, against a real server."""

import time
from typing import Any

import pytest

from sales_assets.feed.api import RefusedTokenError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.passing_faults import PASSING
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_sales_api
from sales_assets_tests.helpers.streams import bodies_of

PAGES = [page(sale(price=number), sale(price=number + 1)) for number in range(1, 8, 2)]


def full_pages(count: int) -> list[bytes]:
    """Give pages of a hundred different rows each."""
    numbers = range(count * 100)
    return [page(*[sale(price=n) for n in numbers[at : at + 100]]) for at in numbers[::100]]


def test_404_on_page_1_is_not_a_day(sales_api: SalesApi) -> None:
    with pytest.raises(NoSuchDayError, match=r"2022-08-09.*404 on page 1"):
        bodies_of(sales_api.pages(DAY))


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("number", [1, 2])
def test_an_answer_that_is_not_a_page_is_asked_for_again(
    api: ScriptedApi, fault: dict[str, Any], number: int
) -> None:
    api.days[DAY] = PAGES
    api.fail(**fault, page=number, times=1)
    client = open_sales_api(api.url, read_timeout=0.4, request_timeout=0.5, retry_after_cap=0.01)
    day = client.pages(DAY)
    reading = day.reading()
    assert bodies_of(reading) == PAGES
    assert reading.result.metadata["retries"] == 1


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_an_answer_that_is_never_a_page_fails_the_day(
    api: ScriptedApi, fault: dict[str, Any]
) -> None:
    api.days[DAY] = PAGES
    api.fail(**fault, page=2)
    client = open_sales_api(
        api.url, read_timeout=0.1, request_timeout=0.2, max_attempts=2, retry_after_cap=0.01
    )
    with pytest.raises(FeedApiError, match=r"2022-08-09: page 2 .* did not come"):
        bodies_of(client.pages(DAY))


def test_an_answer_that_is_compressed_unasked_is_named(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.days[DAY] = PAGES
    api.fail(gzip=True)
    with pytest.raises(FeedApiError, match="compressed, though that was not asked for"):
        bodies_of(sales_api.pages(DAY))


def test_giving_up_names_the_page_the_attempts_and_the_reason(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.fail(status=500)
    with pytest.raises(FeedApiError, match=r"2022-08-09: page 1 .* 3 attempts .*HTTP 500"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 3


def test_a_server_that_is_not_there_fails_in_the_end(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.__exit__(None, None, None)
    with pytest.raises(FeedApiError, match=r"3 attempts .*no connection .Connection refused"):
        bodies_of(sales_api.pages(DAY))


def test_retry_after_is_followed(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    api.fail(status=429, headers={"Retry-After": "1"}, times=1)
    client = open_sales_api(api.url, day_timeout=0.9)
    with pytest.raises(FeedApiError, match=r"0.9 s for the day.*HTTP 429"):
        bodies_of(client.pages(DAY))
    assert len(api.requests) == 1


def test_a_day_that_takes_too_long_fails(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    api.fail(delay=0.1)
    with pytest.raises(FeedApiError, match=r"0\.25 s for the day"):
        bodies_of(open_sales_api(api.url, day_timeout=0.25).pages(DAY))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_fails_at_once_and_names_the_variable(
    api: ScriptedApi, sales_api: SalesApi, status: int
) -> None:
    api.fail(status=status)
    with pytest.raises(RefusedTokenError, match="AUTH_TOKEN"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_a_redirect_is_not_followed(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.fail(status=302, headers={"Location": "http://localhost:1/sales"})
    with pytest.raises(FeedApiError, match="redirects"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_any_other_status_fails_at_once(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.fail(status=400)
    with pytest.raises(FeedApiError, match="HTTP 400"):
        bodies_of(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_a_netrc_entry_does_not_replace_the_token(
    api: ScriptedApi,
    sales_api: SalesApi,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.days[DAY] = PAGES
    assert bodies_of(sales_api.pages(DAY)) == PAGES


def test_a_proxy_of_the_environment_is_used(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", api.url)
    api.days[DAY] = PAGES
    assert bodies_of(open_sales_api("http://sales.example").pages(DAY)) == PAGES
    assert api.requests[0] == f"http://sales.example/sales?date={DAY}&page=1"


def test_a_missing_token_fails_before_any_request_and_says_how_to_set_it(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTH_TOKEN")
    with pytest.raises(RefusedTokenError, match="export AUTH_TOKEN="):
        open_sales_api(api.url)
    assert api.requests == []


@pytest.mark.parametrize("broken", ["two\nlines", "two words", "t\u00f6ken", "\x7f"])
def test_a_malformed_token_fails_before_any_request_and_is_not_shown(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", broken)
    with pytest.raises(RefusedTokenError) as failure:
        open_sales_api(api.url)
    assert broken not in str(failure.value)
    assert api.requests == []


@pytest.mark.parametrize("url", ["", "ftp://host", "host:80", "https://", "https://me:pw@host"])
def test_a_malformed_address_fails_before_any_request(api: ScriptedApi, url: str) -> None:
    with pytest.raises(FeedApiError, match="SALES_API_URL"):
        open_sales_api(url)


def test_the_resource_does_not_show_its_token(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = PAGES
    bodies_of(sales_api.pages(DAY))
    assert api.token not in f"{sales_api!r} {sales_api} {sales_api.__dict__}"


def test_an_error_in_one_day_does_not_touch_another(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days = {DAY: full_pages(6), "2022-08-10": full_pages(6)}
    api.fail(date=DAY, page=3, status=400)
    other = iter(sales_api.pages("2022-08-10"))
    pages = [next(other)]
    with pytest.raises(FeedApiError, match="HTTP 400"):
        bodies_of(sales_api.pages(DAY))
    assert bodies_of([*pages, *other]) == full_pages(6)


def test_requests_are_spread_over_time_when_so_many_a_second_are_allowed(
    api: ScriptedApi,
) -> None:
    api.days[DAY] = PAGES
    started = time.monotonic()
    bodies_of(open_sales_api(api.url, max_per_second=50).pages(DAY))
    assert time.monotonic() - started >= (len(api.requests) - 1) / 50
