"""The graph over an API of each style: raw as it was sent, rows in Avro, checks and records."""

import datetime
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import dagster as dg
import pytest

from sales_assets.feed.page import Page
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.sample.api import Answer
from sales_assets.storage.feeds import layers_of
from sales_assets.storage.replace import ReplacedError
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import (
    evaluations_of,
    failed,
    materialize,
    resources_of,
    run_feed,
)
from sales_assets_tests.helpers.programs import all_succeed, fork
from sales_assets_tests.helpers.rows import DAY, full_pages
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.styles import ONE_PAGE, STYLES, Style

ALL = {**STYLES, "one page": ONE_PAGE}


@pytest.fixture(params=ALL)
def style(request: pytest.FixtureRequest) -> Style:
    return ALL[request.param]


@pytest.fixture
def server(style: Style, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """A server of that style, with a day of three pages."""
    with ScriptedApi(style.shape, "made-up:word") as api:
        monkeypatch.setenv("AUTH_TOKEN", api.token)
        api.days[DAY] = full_pages(3)
        yield api


def pull(style: Style, base: Path, url: str) -> None:
    materialize(base, url, feed=replace(FEED, api=style.api), assets=[raw_sales])


def pages_in(stored: Mapping[str, bytes]) -> list[bytes]:
    return [body for path, body in sorted(stored.items()) if path.startswith("raw/")]


def served(server: ScriptedApi, pages: int) -> list[bytes]:
    day = datetime.date.fromisoformat(DAY)
    return [server._sound(day, number).body for number in range(1, pages + 1)]


def test_a_day_of_any_api_is_stored_as_it_was_sent_and_checked_and_verified(
    tmp_path: Path, style: Style, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    feed = replace(FEED, api=style.api)
    resources = resources_of(feed, tmp_path, server.url)
    result = run_feed(feed, resources, instance)
    assert {*failed(evaluations_of(result))} <= {
        "stg_sales_row_count_is_usual",
        "stg_sales_rows_are_sales_of_the_day",  # The price of the first sale is 0.
    }
    stored = tree(tmp_path)
    raw = pages_in(stored)
    assert raw == served(server, len(raw))
    assert sum(Page(body, style.api.rows_at).count for body in raw) == 300
    recorded = resources["sales_avro"].recorded(instance, stg_sales.key)
    assert recorded[DAY]["dagster/row_count"] == 300
    assert list(Verification(instance, layers_of(feed, resources)).day(DAY)) == []
    run_feed(feed, resources, instance)
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
    pull(style, tmp_path, server.url)
    old = tree(tmp_path)
    with DeadlyApi(style.shape, server.token) as deadly:
        deadly.clients = SimpleQueue()
        deadly.days[DAY] = full_pages(2)
        child = fork(lambda: pull(style, tmp_path, deadly.url))
        deadly.clients.put(child)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        assert pages_in(tree(tmp_path)) == pages_in(old)
        pull(style, tmp_path, deadly.url)
        raw = pages_in(tree(tmp_path))
        assert raw == served(deadly, len(raw)) != pages_in(old)


@pytest.mark.slow
def test_a_day_of_any_api_that_two_runs_write_at_once_is_of_one_of_them(
    tmp_path: Path, style: Style, server: ScriptedApi
) -> None:
    with ScriptedApi(style.shape, server.token) as other:
        other.days[DAY] = full_pages(2)

        def write(api: ScriptedApi) -> None:
            for _ in range(3):
                with suppress(ReplacedError):
                    pull(style, tmp_path, api.url)

        assert all_succeed(lambda: write(server), lambda: write(other))
        raw = pages_in(tree(tmp_path))
        assert raw in [served(api, len(raw)) for api in (server, other)]
        assert not any((tmp_path / WORK).iterdir())
