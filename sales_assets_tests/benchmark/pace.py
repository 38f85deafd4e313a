"""How a run finds the pace of an API: seconds, refusals, requests under way, requests in vain."""

import statistics
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import NamedTuple

from sales_assets.http.tokens import TokenAuth
from sales_assets.sales.api import SalesApi
from sales_assets_tests.benchmark.apis import FIRST, CountingApi, LimitedApi, OneAtATimeApi
from sales_assets_tests.benchmark.figures import Benchmark, Figure
from sales_assets_tests.benchmark.runs import OURS, in_flight, materialize


class Pace(NamedTuple):
    """How a run got on with an API, each as it is shown."""

    seconds: Figure
    refused: Figure
    settled: Figure


def pace(
    make_api: Callable[[], CountingApi], days: int, *limits: int | None
) -> Iterator[Benchmark]:
    """Compare fixed limits of the requests under way with the default (None)."""

    @cache
    def run(limit: int | None) -> Pace:
        with make_api() as api:
            options = () if limit is None else in_flight(api.url, limit)
            seconds = materialize(OURS, days, api.url, options)
        later = api.at_once[len(api.at_once) // 2 :]
        return Pace(
            Figure(seconds),
            Figure(100 * api.refused / len(api.at_once), "% refused"),
            Figure(statistics.median(later), "at a time, in the second half"),
        )

    def figure(part: int, limit: int | None) -> Figure:
        return run(limit)[part]

    names = {limit: f"max_in_flight {limit}" if limit else "default" for limit in limits}
    for part in range(len(Pace._fields)):
        yield Benchmark({name: partial(figure, part, limit) for limit, name in names.items()}, 1)


def limited_api() -> Iterator[Benchmark]:
    """Call an API that refuses more than ten at a time, for long enough to make up for a pause."""
    yield from pace(LimitedApi, 240, 10, 8, 16, None)


def one_at_a_time_api() -> Iterator[Benchmark]:
    """Call an API that serves one request after the other."""
    yield from pace(OneAtATimeApi, 60, 1, 8, None)


def in_vain() -> Iterator[Benchmark]:
    """Count the requests for pages that are not there."""

    def count(max_in_flight: int) -> Figure:
        with CountingApi() as api:
            client = SalesApi(url=api.url, max_in_flight=max_in_flight)
            client._connect(api.url, TokenAuth(api.token))
            pages = len(list(client.pages(str(FIRST))))
            return Figure(len(api.at_once) - pages - 1 - 4, "requests in vain")

    yield Benchmark({f"max_in_flight {n}": partial(count, n) for n in (1, 2, 8, 64)}, 1)
