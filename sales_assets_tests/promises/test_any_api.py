"""The graph over an API of each style: raw as it was sent, rows in Avro, checks and records."""

import datetime
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.page import Page
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.sample.api import Answer
from sales_assets.storage.feeds import layers_of
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.replace import ReplacedError
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.children import fork
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


def job_of(
    style: Style, base: Path, url: str, name: str = "both"
) -> tuple[dg.JobDefinition, dict[str, Any]]:
    """Give a job over an API of this style, `both` or `raw`, and its resources."""
    raw = dg.AssetSelection.assets(raw_sales).without_checks()
    resources = sales_resources(base, "http://unused")
    resources["sales_api"] = style.api(url=url)
    resources["json_pages"] = PartitionDirectoryIOManager(str(base), JsonPages(style.api.rows_at))
    definitions = dg.Definitions(
        assets=BOTH,
        asset_checks=SALES_CHECKS,
        jobs=[dg.define_asset_job("both"), dg.define_asset_job("raw", raw)],
        resources=resources,
    )
    return definitions.resolve_job_def(name), resources


def pages_in(stored: Mapping[str, bytes]) -> list[bytes]:
    return [body for path, body in sorted(stored.items()) if path.startswith("raw/")]


def served(server: ScriptedApi, pages: int) -> list[bytes]:
    day = datetime.date.fromisoformat(DAY)
    return [server._sound(day, number).body for number in range(1, pages + 1)]


def test_a_day_of_any_api_is_stored_as_it_was_sent_and_checked_and_verified(
    tmp_path: Path, style: Style, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    job, resources = job_of(style, tmp_path, server.url)
    result = job.execute_in_process(partition_key=DAY, instance=instance)
    assert {*failed(evaluations_of(result))} <= {
        "stg_sales_row_count_is_usual",
        "stg_sales_rows_are_sales_of_the_day",  # The price of the first sale is 0.
    }
    stored = tree(tmp_path)
    raw = pages_in(stored)
    assert raw == served(server, len(raw))
    assert sum(Page(body, style.api.rows_at).count for body in raw) == 300
    assert resources["sales_avro"].recorded(instance, BOTH[1].key)[DAY]["dagster/row_count"] == 300
    assert list(Verification(instance, layers_of(FEED, resources)).day(DAY)) == []
    job.execute_in_process(partition_key=DAY, instance=instance)
    assert tree(tmp_path) == stored
    change = resources["json_pages"].recorded(instance, raw_sales.key)[DAY]["change"]
    assert change == "unchanged"


class DeadlyApi(ScriptedApi):
    """A server that kills a client at its second request, which is in the midst of any pull."""

    clients: SimpleQueue[int]

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Kill the client, and respond."""
        if len(self.requests) == 1:
            os.kill(self.clients.get(), signal.SIGKILL)
        return super().answer(path, headers)


def test_a_pull_of_any_api_that_is_killed_leaves_the_old_day_and_the_next_run_the_new_one(
    tmp_path: Path, style: Style, server: ScriptedApi
) -> None:
    job_of(style, tmp_path, server.url)[0].execute_in_process(partition_key=DAY)
    old = tree(tmp_path)
    with DeadlyApi(style.shape, server.token) as deadly:
        deadly.clients = SimpleQueue()
        deadly.days[DAY] = full_pages(2)
        job, _ = job_of(style, tmp_path, deadly.url)
        child = fork(lambda: job.execute_in_process(partition_key=DAY))
        deadly.clients.put(child)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        assert pages_in(tree(tmp_path)) == pages_in(old)
        job.execute_in_process(partition_key=DAY)
        raw = pages_in(tree(tmp_path))
        assert raw == served(deadly, len(raw)) != pages_in(old)


@pytest.mark.slow
def test_a_day_of_any_api_that_two_runs_write_at_once_is_of_one_of_them(
    tmp_path: Path, style: Style, server: ScriptedApi
) -> None:
    with ScriptedApi(style.shape, server.token) as other:
        other.days[DAY] = full_pages(2)

        def write(url: str) -> None:
            for _ in range(3):
                with suppress(ReplacedError):
                    job_of(style, tmp_path, url, "raw")[0].execute_in_process(partition_key=DAY)

        children = [fork(lambda url=api.url: write(url)) for api in (server, other)]  # type: ignore[misc]
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        raw = pages_in(tree(tmp_path))
        assert raw in [served(api, len(raw)) for api in (server, other)]
        assert not any((tmp_path / WORK).iterdir())
