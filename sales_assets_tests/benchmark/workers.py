"""A backfill on workers in containers; takes a container engine, and is bound by the cores here."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sales_assets_tests.benchmark.figures import Benchmark, Figure
from sales_assets_tests.helpers.container_engine import build, have_base_images, running_engine
from sales_assets_tests.helpers.days import days_from
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.s3_server import running_s3
from sales_assets_tests.helpers.worker_containers import EVERYWHERE, running_workers


def on_workers(days: int, latency: float) -> Iterator[Benchmark]:
    """Compare one, two and three workers, which have ten days at a time.

    Their runs are timed, and the backfill with up to a minute of the daemon, which looks after
    backfills every half minute.

    Args:
        days: The days of the backfill.
        latency: Seconds before each page.
    """
    with running_engine(), ExitStack() as stack:
        have_base_images()
        build(PROJECT, "sales_assets")
        stack.enter_context(installation := tempfile.TemporaryDirectory())
        s3 = stack.enter_context(running_s3(EVERYWHERE))
        workers = stack.enter_context(
            running_workers(Path(installation.name), s3, 3, [{"delay": latency}])
        )
        starts = iter(days_from("2022-09-01", 3 * days)[::days])

        whole: dict[str, Figure] = {}

        def runs(number: int) -> Figure:
            workers.scale["worker"] = number
            workers.up()
            began = time.time()
            backfill = workers.ui.backfill(days_from(next(starts), days))
            workers.ui.wait_for_backfill(backfill, 1200)
            whole[_name(number)] = Figure(time.time() - began, "s, the whole backfill")
            times = [run["stats"] for run in workers.ui.runs_of(backfill)]
            first = min(run["startTime"] for run in times)
            return Figure(max(run["endTime"] for run in times) - first, "s, first to last run")

        yield Benchmark({_name(number): partial(runs, number) for number in (1, 2, 3)}, 1)
        yield Benchmark({name: partial(whole.__getitem__, name) for name in whole}, 1)


def _name(workers: int) -> str:
    return f"{workers} at work"
