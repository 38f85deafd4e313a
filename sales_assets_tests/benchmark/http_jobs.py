"""HTTP jobs that are asked for all at once, and whether their server answers meanwhile."""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import requests

from sales_assets_tests.benchmark.apis import TOKEN, server
from sales_assets_tests.benchmark.figures import Benchmark, Figure, timed
from sales_assets_tests.helpers.days import days_from
from sales_assets_tests.helpers.http_jobs_server import HttpJobs, running_http_jobs

IDLE = 500
"""Connections that send nothing."""


def side_by_side(days: int, latency: float, rounds: int) -> Iterator[Benchmark]:
    """Ask for days at once, of a server that has one run at a time, or two."""
    with server(latency=latency) as api:

        def seconds(at_a_time: int) -> Figure:
            with _jobs(api, at_a_time) as jobs:
                return timed(lambda: _ask(jobs, days))

        def slowest_health(days: int, idle: int) -> Figure:
            with _jobs(api, 2) as jobs, ExitStack() as connections, ThreadPoolExecutor(1) as apart:
                address = urlsplit(jobs.urls["raw_sales"])
                for _ in range(idle):
                    place = (address.hostname, address.port)
                    connections.enter_context(socket.create_connection(place))
                asked = apart.submit(_ask, jobs, days)
                slowest = 0.0
                while not asked.done():
                    slowest = max(slowest, timed(partial(_health, jobs)).value)
                    time.sleep(0.1)
                asked.result()
                return Figure(1000 * slowest, "ms, slowest /health")

        yield Benchmark({f"--jobs {n}": partial(seconds, n) for n in (1, 2)}, rounds)
        yield Benchmark(
            {
                "one day": partial(slowest_health, 1, 0),
                f"{days} days, {IDLE} idle connections": partial(slowest_health, days, IDLE),
            },
            rounds,
        )


@contextmanager
def _jobs(api: str, at_a_time: int) -> Iterator[HttpJobs]:
    options = ("--jobs", str(at_a_time))
    with (
        tempfile.TemporaryDirectory() as directory,
        running_http_jobs(
            Path(directory), *options, SALES_API_URL=api, AUTH_TOKEN=TOKEN
        ) as running,
    ):
        yield running


def _ask(jobs: HttpJobs, days: int) -> None:
    ready = threading.Barrier(days)

    def ask(day: str) -> int:
        ready.wait()
        fields = {"date": day, "raw_dir": jobs.directory("raw", day)}
        return requests.post(jobs.urls["raw_sales"], json=fields, timeout=600).status_code

    with ThreadPoolExecutor(days) as clients:
        assert {*clients.map(ask, days_from("2023-01-01", days))} == {201}


def _health(jobs: HttpJobs) -> None:
    requests.get(jobs.urls["raw_sales"] + "health", timeout=60).raise_for_status()
