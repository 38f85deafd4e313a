"""The embedded sample API."""

import datetime
import logging

import pytest
import requests

from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.sales import PAGE_SIZE, rows_of_day
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.scripted_api import open_sales_api
from sales_assets_tests.helpers.streams import bodies_of, judged

DATE = datetime.date.fromisoformat(DAY)


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> object:
    """A running sample API, with its token in the environment."""
    with SampleApi() as server:
        monkeypatch.setenv("AUTH_TOKEN", server.token)
        yield server


def get(server: SampleApi, **query: object) -> requests.Response:
    """Ask the server for sales, signed."""
    return requests.get(
        f"{server.url}/sales",
        params={name: str(value) for name, value in query.items()},
        headers={"Authorization": server.token},
        timeout=60,
    )


def test_the_client_gets_a_whole_day_of_sales(sample: SampleApi) -> None:
    client: SalesApi = open_sales_api(sample.url)
    pages = list(client.pages(DAY))
    assert [page.count for page in pages[:-1]] == [PAGE_SIZE] * (len(pages) - 1)
    assert sum(map(len, judged(bodies_of(pages)))) == rows_of_day(DATE)


def test_past_the_last_page_there_is_404(sample: SampleApi) -> None:
    assert get(sample, date=DAY, page=rows_of_day(DATE) // PAGE_SIZE + 2).status_code == 404


@pytest.mark.parametrize("query", [{"date": "today"}, {"page": 1}, {"date": DAY, "page": "x"}])
def test_a_bad_query_is_400(sample: SampleApi, query: dict[str, object]) -> None:
    assert get(sample, **query).status_code == 400


def test_a_wrong_token_is_401(sample: SampleApi) -> None:
    sample.token = "another"  # noqa: S105
    assert requests.get(f"{sample.url}/sales?date={DAY}", timeout=60).status_code == 401


def test_a_fault_that_is_served_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with SampleApi(faults=Faults([Fault(page=2, status=503)])) as server:
        get(server, date="2022-08-09", page=1)
        get(server, date="2022-08-09", page=2)
    assert caplog.messages == ['2022-08-09, page 2: {"page":2,"status":503}']
