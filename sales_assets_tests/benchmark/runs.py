"""Runs of the command line, each on a new Dagster instance and a new storage."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sales_assets_tests.benchmark.apis import FIRST, TOKEN
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.days import days_from

FLOOR = ("sales_assets_tests.benchmark.empty_assets", "first,second")
OURS = ("sales_assets_tests.benchmark.unchecked_assets", "raw_sales,stg_sales")
CHECKED = ("sales_assets.definitions", "raw_sales,stg_sales")

Configure = Callable[[Path], object]


def default_home(path: Path) -> None:
    """Configure a home as Dagster has it by default, but for what it tells its makers."""
    (path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")


def materialize(
    what: tuple[str, str],
    days: int,
    url: str,
    options: Sequence[str] = (),
    configure: Configure = copy_home,
    settings: Mapping[str, str] | None = None,
) -> float:
    """Run `dagster asset materialize`; give the seconds from the start of the process to its end.

    Args:
        what: The module, and its assets.
        days: How many, from the first one on.
        url: The API.
        options: More of the command.
        configure: Writes `dagster.yaml`; that of this project unless given.
        settings: More environment variables.
    """
    module, selection = what
    first, *_, last = [str(FIRST), *days_from(str(FIRST), days)]
    span = ["--partition", first] if days == 1 else ["--partition-range", f"{first}...{last}"]
    with tempfile.TemporaryDirectory() as home:
        configure(Path(home))
        ours = {"DAGSTER_HOME": home, "BASE_DIR": f"{home}/storage", "SALES_API_URL": url}
        command = ["-m", "dagster", "asset", "materialize", "-m", module, "--select", selection]
        started = time.perf_counter()
        subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *command, *span, *options],
            env={**os.environ, **ours, "AUTH_TOKEN": TOKEN, **(settings or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return time.perf_counter() - started


def in_flight(url: str, limit: int) -> Sequence[str]:
    """Give the options that limit the requests under way of a run."""
    config = {"resources": {"sales_api": {"config": {"url": url, "max_in_flight": limit}}}}
    return ("--config-json", json.dumps(config))
