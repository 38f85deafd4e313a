"""HTTP jobs that are asked for all at once."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import requests

from sales_assets_tests.benchmark.apis import TOKEN, server
from sales_assets_tests.benchmark.figures import Comparison, seconds
from sales_assets_tests.helpers.http_jobs_server import running_http_jobs
from sales_assets_tests.helpers.rows import days_from


def side_by_side(days: int, latency: float, rounds: int) -> Iterator[Comparison]:
    """Ask for days at once, of a server that has one run at a time, or two."""
    with server(latency) as api:

        def all_days(at_a_time: int) -> float:
            options = ("--jobs", str(at_a_time))
            ours = {"SALES_API_URL": api, "AUTH_TOKEN": TOKEN}
            with (
                tempfile.TemporaryDirectory() as directory,
                running_http_jobs(Path(directory), *options, **ours) as jobs,
                ThreadPoolExecutor(days) as clients,
            ):

                def ask(day: str) -> None:
                    fields = {"date": day, "raw_dir": jobs.directory("raw", day)}
                    answer = requests.post(jobs.urls["raw_sales"], json=fields, timeout=600)
                    answer.raise_for_status()

                return seconds(lambda: list(clients.map(ask, days_from("2023-01-01", days))))

        yield Comparison({f"--jobs {n}": partial(all_days, n) for n in (1, 2)}, rounds)
