"""The embedded sample API."""

import datetime
import logging

import pytest
import requests

from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.invented import PAGE_SIZE, rows_of_day
from sales_assets_tests.helpers.rows import DAY

DATE = datetime.date.fromisoformat(DAY)


def get(server: SampleApi, query: str) -> int:
    """Ask the server for sales, signed; give the status."""
    headers = {"Authorization": server.token}
    return requests.get(f"{server.url}/sales?{query}", headers=headers, timeout=60).status_code


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"date={DAY}&page={rows_of_day(DATE) // PAGE_SIZE + 2}", 404),
        ("date=today", 400),
        ("page=1", 400),
        (f"date={DAY}&page=x", 400),
    ],
)
def test_a_query_without_a_page_is_refused(query: str, status: int) -> None:
    with SampleApi() as server:
        assert get(server, query) == status


def test_a_fault_that_is_served_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with SampleApi(faults=Faults([Fault(page=2, status=503)])) as server:
        assert [get(server, f"date={DAY}&page={page}") for page in (1, 2)] == [200, 503]
    assert caplog.messages == [f'{DAY}, page 2: {{"page":2,"status":503}}']
