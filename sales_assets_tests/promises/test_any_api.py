"""The graph over an API of each style: raw as it was sent, rows in Avro, checks and records."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.feed.page import Page
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.storage.feeds import layers_of
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets.verify import Verification
from sales_assets_tests.helpers.evaluations import evaluations_of, failed
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.materialize import BOTH, sales_resources
from sales_assets_tests.helpers.rows import DAY, full_pages
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.styles import ONE_PAGE, STYLES, Style

ALL = {**STYLES, "one page": ONE_PAGE}


@pytest.fixture(params=ALL)
def style(request: pytest.FixtureRequest) -> Style:
    """Each style that an API can be declared to have."""
    return ALL[request.param]


@pytest.fixture
def server(style: Style, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """A server of that style, with a day of three pages."""
    with ScriptedApi(style.shape, "made-up:word") as api:
        monkeypatch.setenv("AUTH_TOKEN", api.token)
        api.days[DAY] = full_pages(3)
        yield api


def test_a_day_of_any_api_is_stored_as_it_was_sent_and_checked_and_verified(
    tmp_path: Path, style: Style, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    resources = sales_resources(tmp_path, "http://unused")
    resources["sales_api"] = style.api(url=server.url)
    resources["json_pages"] = PartitionDirectoryIOManager(
        str(tmp_path), JsonPages(style.api.rows_at)
    )
    definitions = dg.Definitions(
        assets=BOTH,
        asset_checks=SALES_CHECKS,
        jobs=[dg.define_asset_job("both")],
        resources=resources,
    )
    job = definitions.resolve_job_def("both")
    result = job.execute_in_process(partition_key=DAY, instance=instance)
    assert {*failed(evaluations_of(result))} <= {
        "stg_sales_row_count_is_usual",
        "stg_sales_rows_are_sales_of_the_day",  # The price of the first sale is 0.
    }
    stored = tree(tmp_path)
    raw = [body for path, body in sorted(stored.items()) if path.startswith("raw/")]
    day = datetime.date.fromisoformat(DAY)
    assert raw == [server._sound(day, number).body for number in range(1, len(raw) + 1)]
    assert sum(Page(body, style.api.rows_at).count for body in raw) == 300
    assert resources["sales_avro"].recorded(instance, BOTH[1].key)[DAY]["dagster/row_count"] == 300
    assert list(Verification(instance, layers_of(FEED, resources)).day(DAY)) == []
    job.execute_in_process(partition_key=DAY, instance=instance)
    assert tree(tmp_path) == stored
    change = resources["json_pages"].recorded(instance, raw_sales.key)[DAY]["change"]
    assert change == "unchanged"
