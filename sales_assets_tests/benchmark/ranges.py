"""What a range costs, against Dagster's floor: two assets that do nothing, in a default home."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import yaml

from sales_assets_tests.benchmark.apis import server
from sales_assets_tests.benchmark.figures import Benchmark, Figure
from sales_assets_tests.benchmark.runs import (
    CHECKED,
    FLOOR,
    OURS,
    Configure,
    default_home,
    materialize,
)
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import DATABASE, USER, running_postgres


def days_against_floor(days: int, latency: float, rounds: int) -> Iterator[Benchmark]:
    """Compare both assets with the floor."""
    with server(latency=latency) as url:
        materialize(OURS, days, url)  # has the server make its pages

        def seconds(what: tuple[str, str], configure: Configure = copy_home) -> Figure:
            return Figure(materialize(what, days, url, configure=configure))

        yield Benchmark(
            {
                "two empty assets, default home": partial(seconds, FLOOR, default_home),
                "two empty assets": partial(seconds, FLOOR),
                "raw_sales and stg_sales, default home": partial(seconds, OURS, default_home),
                "raw_sales and stg_sales": partial(seconds, OURS),
                "both with their checks": partial(seconds, CHECKED),
            },
            rounds,
        )


def on_postgres(days: int, rounds: int) -> Iterator[Benchmark]:
    """Compare events that come one by one with batches of them."""
    password = "benchmark"  # noqa: S105 - of a database on loopback that lives for minutes
    with running_postgres(password) as port, server() as url:
        address = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"

        def configure(home: Path) -> None:
            deployed = yaml.safe_load((PROJECT / "deploy/dagster.yaml").read_text("utf-8"))
            parts = {
                name: {**deployed[name], "config": {"postgres_url": address}}
                for name in deployed
                if name.endswith("_storage")
            }
            (home / "dagster.yaml").write_text(
                yaml.safe_dump({**parts, "telemetry": {"enabled": False}})
            )

        def seconds(what: tuple[str, str], size: int) -> Figure:
            batches = {"DAGSTER_EVENT_BATCH_SIZE": str(size)}
            return Figure(materialize(what, days, url, configure=configure, settings=batches))

        seconds(OURS, 0)  # makes the tables and the pages
        for what, name in (
            (FLOOR, "two empty assets"),
            (OURS, "raw_sales and stg_sales"),
            (CHECKED, "both with their checks"),
        ):
            yield Benchmark(
                {
                    f"{name}, event by event": partial(seconds, what, 0),
                    f"{name}, by the batch": partial(seconds, what, 250),
                },
                rounds,
            )
