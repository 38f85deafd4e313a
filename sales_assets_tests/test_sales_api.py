"""The API client, against a real server."""

import pytest

from sales_assets.sales_api import NoSuchDayError, SalesApi, SalesApiAuthError, SalesApiError
from sales_assets.sample_api import Answer
from sales_assets_tests.conftest import DAY, ScriptedApi, open_sales_api, page, sale

PAGES = [page(sale(price=number), sale(price=number + 1)) for number in range(1, 8, 2)]


def test_pages_come_in_order_and_byte_for_byte(api: ScriptedApi, sales_api: SalesApi) -> None:
    odd = b'[ {"client":"A","extra" :1.50,\n"price": 2} ]'
    api.days[DAY] = [*PAGES, odd]
    assert list(sales_api.pages(DAY)) == [*PAGES, odd]


def test_a_page_is_asked_for_only_when_it_is_taken(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = PAGES
    pages = sales_api.pages(DAY)
    assert api.requests == []
    next(pages)
    assert api.requests == [f"/sales?date={DAY}&page=1"]


def test_an_empty_list_after_a_page_ends_the_day(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = [PAGES[0], b"[]"]
    assert list(sales_api.pages(DAY)) == [PAGES[0]]


def test_an_empty_list_on_page_1_is_a_day_without_sales(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.days[DAY] = [b"[]"]
    assert list(sales_api.pages(DAY)) == [b"[]"]


def test_404_on_page_1_is_not_a_day(sales_api: SalesApi) -> None:
    with pytest.raises(NoSuchDayError, match=r"2022-08-09.*404 on page 1"):
        list(sales_api.pages(DAY))


def test_the_same_page_again_fails_the_day(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = [PAGES[0], PAGES[0]]
    with pytest.raises(SalesApiError, match="page 2 is page 1 again"):
        list(sales_api.pages(DAY))


def test_a_day_without_an_end_fails(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    with pytest.raises(SalesApiError, match="no end after 3 pages"):
        list(open_sales_api(api.url, max_pages=3).pages(DAY))


@pytest.mark.parametrize(
    "first",
    [
        Answer(429, headers={"Retry-After": "0"}),
        Answer(429, headers={"Retry-After": "soon"}),
        Answer(500),
        Answer(503),
        Answer(body=b"<html>busy</html>"),
        Answer(body=b'{"error": "busy"}'),
        Answer(body=b"null"),
        Answer(body=b"[1]"),
        Answer(body=b'[{"price": NaN}'),
        Answer(body=PAGES[0][:-5], headers={"Content-Length": str(len(PAGES[0]))}),
        Answer(body=PAGES[0][:-5]),
    ],
    ids=str,
)
def test_an_answer_that_is_no_page_is_asked_for_again(
    api: ScriptedApi, sales_api: SalesApi, first: Answer
) -> None:
    api.days[DAY] = PAGES
    api.script.append(first)
    assert list(sales_api.pages(DAY)) == PAGES


def test_giving_up_names_the_page_the_attempts_and_the_reason(
    api: ScriptedApi, sales_api: SalesApi
) -> None:
    api.script.extend([Answer(500)] * 3)
    with pytest.raises(SalesApiError, match=r"2022-08-09: page 1 .* in 3 attempts.*HTTP 500"):
        list(sales_api.pages(DAY))


def test_html_with_status_200_fails_in_the_end(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.script.extend([Answer(body=b"<html>")] * 3)
    with pytest.raises(SalesApiError, match="no complete JSON list of objects"):
        list(sales_api.pages(DAY))


def test_a_server_that_is_not_there_fails_in_the_end(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.__exit__(None, None, None)
    with pytest.raises(SalesApiError, match=r"in 3 attempts.*ConnectionError"):
        list(sales_api.pages(DAY))


def test_retry_after_is_followed_only_up_to_the_cap(api: ScriptedApi) -> None:
    api.days[DAY] = PAGES
    api.script.append(Answer(429, headers={"Retry-After": "86400"}))
    patient = open_sales_api(api.url, retry_after_cap=0.01)
    assert list(patient.pages(DAY)) == PAGES


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_fails_at_once_and_names_the_variable(
    api: ScriptedApi, sales_api: SalesApi, status: int
) -> None:
    api.script.append(Answer(status))
    with pytest.raises(SalesApiAuthError, match="AUTH_TOKEN"):
        list(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_a_redirect_is_not_followed(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.script.append(Answer(302, headers={"Location": f"{api.url}/sales"}))
    with pytest.raises(SalesApiError, match="redirects"):
        list(sales_api.pages(DAY))
    assert len(api.requests) == 1


def test_any_other_status_fails_at_once(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.script.append(Answer(400))
    with pytest.raises(SalesApiError, match="HTTP 400"):
        list(sales_api.pages(DAY))
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
    assert list(sales_api.pages(DAY)) == PAGES


def test_a_missing_token_fails_before_any_request_and_says_how_to_set_it(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTH_TOKEN")
    with pytest.raises(SalesApiAuthError, match="export AUTH_TOKEN="):
        open_sales_api(api.url)
    assert api.requests == []


@pytest.mark.parametrize("broken", ["two\nlines", "two words", "t\u00f6ken", "\x7f"])
def test_a_malformed_token_fails_before_any_request_and_is_not_shown(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", broken)
    with pytest.raises(SalesApiAuthError) as failure:
        open_sales_api(api.url)
    assert broken not in str(failure.value)
    assert api.requests == []


@pytest.mark.parametrize("url", ["", "ftp://host", "host:80", "https://", "https://me:pw@host"])
def test_an_address_that_is_none_fails_before_any_request(api: ScriptedApi, url: str) -> None:
    with pytest.raises(SalesApiError, match="SALES_API_URL"):
        open_sales_api(url)


def test_the_resource_does_not_show_its_token(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = PAGES
    list(sales_api.pages(DAY))
    assert api.token not in f"{sales_api!r} {sales_api} {sales_api.__dict__}"
