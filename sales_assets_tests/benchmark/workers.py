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
from sales_assets_tests.helpers.worker_containers import running_s3, running_workers


def on_workers(days: int, latency: float) -> Iterator[Benchmark]:
    """Compare one, two and three workers, which have ten days at a time.

    Args:
        days: The days of the backfill.
        latency: Seconds before each page.
    """
    with running_engine(), ExitStack() as stack:
        have_base_images()
        build(PROJECT, "sales_assets")
        stack.enter_context(installation := tempfile.TemporaryDirectory())
        s3 = stack.enter_context(running_s3())
        workers = stack.enter_context(
            running_workers(Path(installation.name), s3, 3, [{"delay": latency}])
        )
        starts = iter(days_from("2022-09-01", 3 * days)[::days])

        def seconds(number: int) -> Figure:
            workers.scale["worker"] = number
            workers.up()
            began = time.time()
            workers.ui.wait_for_backfill(workers.ui.backfill(days_from(next(starts), days)), 1200)
            return Figure(time.time() - began)

        yield Benchmark({f"{n} at work": partial(seconds, n) for n in (1, 2, 3)}, 1)
