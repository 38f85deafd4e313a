"""What a range costs, against Dagster's floor and with APIs that have limits, and what jobs do.

Each run of the command line has a new Dagster instance and a new storage.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from sales_assets.sample.api import SampleApi
from sales_assets_tests.benchmark.apis import TOKEN, server
from sales_assets_tests.benchmark.figures import Comparison, seconds
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.http_jobs_server import running_http_jobs
from sales_assets_tests.helpers.postgres_server import DATABASE, USER, running_postgres
from sales_assets_tests.helpers.rows import DAY, days_from

_FLOOR = ("sales_assets_tests.benchmark.empty_assets", "first,second")
_OURS = ("sales_assets_tests.benchmark.unchecked_assets", "raw_sales,stg_sales")
_CHECKED = ("sales_assets.definitions", "raw_sales,stg_sales")


def _materialize(
    what: tuple[str, str],
    days: int,
    url: str,
    options: Sequence[str] = (),
    configure: Callable[[Path], object] = copy_home,
    settings: Mapping[str, str] | None = None,
) -> float:
    """Run `dagster asset materialize`; give the seconds from the start of the process to its end.

    It has so many days of the assets of a module, in a home that `configure` sets up.
    """
    module, selection = what
    first, *_, last = [DAY, *days_from(DAY, days)]
    span = ["--partition", first] if days == 1 else ["--partition-range", f"{first}...{last}"]
    command = ["-m", "dagster", "asset", "materialize", "-m", module, "--select", selection]
    with tempfile.TemporaryDirectory() as home:
        configure(Path(home))
        ours = {"DAGSTER_HOME": home, "BASE_DIR": f"{home}/storage", "SALES_API_URL": url}
        return seconds(
            lambda: subprocess.run(  # noqa: S603 - our own command
                [sys.executable, *command, *span, *options],
                env={**os.environ, **ours, "AUTH_TOKEN": TOKEN, **(settings or {})},
                capture_output=True,
                check=True,
            )
        )


def days_against_floor(days: int, latency: float, rounds: int) -> Iterator[Comparison]:
    """Compare both assets with the floor: two assets that do nothing, in a default home."""

    def default_home(path: Path) -> None:
        (path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    with server(latency) as url:
        _materialize(_OURS, days, url)  # has the server make its pages
        in_default_home = partial(_materialize, days=days, url=url, configure=default_home)
        in_our_home = partial(_materialize, days=days, url=url)
        yield Comparison(
            {
                "two empty assets, default home": partial(in_default_home, _FLOOR),
                "two empty assets": partial(in_our_home, _FLOOR),
                "raw_sales and stg_sales, default home": partial(in_default_home, _OURS),
                "raw_sales and stg_sales": partial(in_our_home, _OURS),
                "both with their checks": partial(in_our_home, _CHECKED),
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

        def run(what: tuple[str, str], size: int) -> float:
            batches = {"DAGSTER_EVENT_BATCH_SIZE": str(size)}
            return _materialize(what, days, url, configure=configure, settings=batches)

        run(_OURS, 0)  # makes the tables and the pages
        for what, name in (
            (_FLOOR, "two empty assets"),
            (_OURS, "raw_sales and stg_sales"),
            (_CHECKED, "both with their checks"),
        ):
            yield Comparison(
                {
                    f"{name}, event by event": partial(run, what, 0),
                    f"{name}, by the batch": partial(run, what, 250),
                },
                rounds,
            )


def limits(
    make_api: Callable[[str], SampleApi], days: int, *limits: int | None
) -> Iterator[Comparison]:
    """Compare fixed limits of the requests under way with the default (None)."""

    def run(limit: int | None) -> float:
        with make_api(TOKEN) as api:
            config = {"url": api.url, **({"max_in_flight": limit} if limit else {})}
            options = json.dumps({"resources": {"sales_api": {"config": config}}})
            return _materialize(_OURS, days, api.url, ["--config-json", options])

    names = {limit: f"max_in_flight {limit}" if limit else "default" for limit in limits}
    yield Comparison({name: partial(run, limit) for limit, name in names.items()}, 1)


def http_jobs() -> Iterator[Comparison]:
    """Ask for 40 days at once, of a server that has one run at a time, or two."""
    days = days_from("2023-01-01", 40)
    with server(latency=0.05) as api:

        def all_days(at_a_time: str) -> float:
            ours = {"SALES_API_URL": api, "AUTH_TOKEN": TOKEN}
            with (
                tempfile.TemporaryDirectory() as directory,
                running_http_jobs(Path(directory), "--jobs", at_a_time, **ours) as jobs,
                ThreadPoolExecutor(len(days)) as clients,
            ):

                def ask(day: str) -> None:
                    jobs.raw(day).raise_for_status()

                return seconds(lambda: list(clients.map(ask, days)))

        yield Comparison({f"--jobs {n}": partial(all_days, n) for n in ("1", "2")}, 3)
