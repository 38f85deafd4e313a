"""A backfill on workers in containers; takes a container engine, and is bound by the cores here."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from sales_assets_tests.benchmark.figures import Comparison
from sales_assets_tests.helpers.container_engine import built_image
from sales_assets_tests.helpers.containers import EVERYWHERE, running_workers
from sales_assets_tests.helpers.rows import days_from
from sales_assets_tests.helpers.s3_server import running_s3


def on_workers() -> Iterator[Comparison]:
    """Compare one, two and three workers, which have ten days of 90 at a time, at 1 s a page.

    The daemon, which looks after backfills every half minute, is not timed.
    """
    with (
        built_image(),
        tempfile.TemporaryDirectory() as installation,
        running_s3(EVERYWHERE) as s3,
        running_workers(Path(installation), s3, 3, [{"delay": 1}]) as workers,
    ):
        days = days_from("2022-09-01", 3 * 90)

        def seconds(number: int) -> float:
            workers.scale["worker"] = number
            workers.up()
            backfill = workers.ui.backfill(days[90 * (number - 1) : 90 * number])
            workers.ui.wait_for_backfill(backfill, 1200)
            times = [run["stats"] for run in workers.ui.runs_of(backfill)]
            first = min(run["startTime"] for run in times)
            return float(max(run["endTime"] for run in times) - first)

        yield Comparison(
            {f"{n} at work": partial(seconds, n) for n in (1, 2, 3)}, 1, "s, first to last run"
        )
