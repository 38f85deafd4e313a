"""The API client, against a real server."""

import pytest

from sales_assets.feed.api import NotSetUpError, RefusedTokenError
from sales_assets.feed.paging import FeedApiError
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_sales_api
from sales_assets_tests.helpers.streams import bodies_of

PAGES = [page(sale(price=number), sale(price=number + 1)) for number in range(1, 8, 2)]


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
    with pytest.raises(NotSetUpError, match="export AUTH_TOKEN="):
        open_sales_api(api.url)
    assert api.requests == []


@pytest.mark.parametrize("broken", ["two\nlines", "two words", "t\u00f6ken", "\x7f"])
def test_a_malformed_token_fails_before_any_request_and_is_not_shown(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", broken)
    with pytest.raises(NotSetUpError) as failure:
        open_sales_api(api.url)
    assert broken not in str(failure.value)
    assert api.requests == []


@pytest.mark.parametrize("url", ["", "ftp://host", "host:80", "https://", "https://me:pw@host"])
def test_a_malformed_address_fails_before_any_request(api: ScriptedApi, url: str) -> None:
    with pytest.raises(NotSetUpError, match="SALES_API_URL"):
        open_sales_api(url)


def test_the_resource_does_not_show_its_token(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = PAGES
    bodies_of(sales_api.pages(DAY))
    assert api.token not in f"{sales_api!r} {sales_api} {sales_api.__dict__}"
