"""What a range costs, against Dagster's floor and with APIs that have limits."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from sales_assets.sample.api import SampleApi
from sales_assets_tests.benchmark.apis import TOKEN, server
from sales_assets_tests.benchmark.figures import Comparison
from sales_assets_tests.benchmark.runs import CHECKED, FLOOR, OURS, materialize
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import DATABASE, USER, running_postgres


def days_against_floor(days: int, latency: float, rounds: int) -> Iterator[Comparison]:
    """Compare both assets with the floor: two assets that do nothing, in a default home."""

    def default_home(path: Path) -> None:
        (path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    with server(latency) as url:
        materialize(OURS, days, url)  # has the server make its pages
        in_default_home = partial(materialize, days=days, url=url, configure=default_home)
        in_our_home = partial(materialize, days=days, url=url)
        yield Comparison(
            {
                "two empty assets, default home": partial(in_default_home, FLOOR),
                "two empty assets": partial(in_our_home, FLOOR),
                "raw_sales and stg_sales, default home": partial(in_default_home, OURS),
                "raw_sales and stg_sales": partial(in_our_home, OURS),
                "both with their checks": partial(in_our_home, CHECKED),
            },
            rounds,
        )


def on_postgres(days: int, rounds: int) -> Iterator[Comparison]:
    """Compare events that come one by one with batches of them."""
    password = "benchmark"  # noqa: S105 - of a database on loopback that lives for minutes
    with running_postgres(password) as port, server() as url:
        address = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"

        def configure(home: Path) -> None:
            deployed = yaml.safe_load((PROJECT / "deploy/dagster.yaml").read_text("utf-8"))
            ours: dict[str, Any] = {"telemetry": {"enabled": False}}
            for name in deployed:
                if name.endswith("_storage"):
                    ours[name] = {**deployed[name], "config": {"postgres_url": address}}
            (home / "dagster.yaml").write_text(yaml.safe_dump(ours))

        def seconds(what: tuple[str, str], size: int) -> float:
            batches = {"DAGSTER_EVENT_BATCH_SIZE": str(size)}
            return materialize(what, days, url, configure=configure, settings=batches)

        seconds(OURS, 0)  # makes the tables and the pages
        for what, name in (
            (FLOOR, "two empty assets"),
            (OURS, "raw_sales and stg_sales"),
            (CHECKED, "both with their checks"),
        ):
            sizes = {"event by event": 0, "by the batch": 250}
            cases = {f"{name}, {how}": partial(seconds, what, n) for how, n in sizes.items()}
            yield Comparison(cases, rounds)


def limits(
    make_api: Callable[[str], SampleApi], days: int, *limits: int | None
) -> Iterator[Comparison]:
    """Compare fixed limits of the requests under way with the default (None)."""

    def seconds(limit: int | None) -> float:
        with make_api(TOKEN) as api:
            config = {"url": api.url, **({"max_in_flight": limit} if limit else {})}
            options = json.dumps({"resources": {"sales_api": {"config": config}}})
            return materialize(OURS, days, api.url, ["--config-json", options])

    names = {limit: f"max_in_flight {limit}" if limit else "default" for limit in limits}
    yield Comparison({name: partial(seconds, limit) for limit, name in names.items()}, 1)
