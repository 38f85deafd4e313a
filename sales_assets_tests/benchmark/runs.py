"""Runs of the command line, each on a new Dagster instance and a new storage."""

import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import dagster as dg

from sales_assets_tests.benchmark.apis import FIRST, TOKEN
from sales_assets_tests.helpers.dagster_dev import copy_home

FLOOR = ("sales_assets_tests.benchmark.empty_assets", "first,second")
OURS = ("sales_assets_tests.benchmark.unchecked_assets", "raw_sales,stg_sales")
CHECKED = ("sales_assets.definitions", "raw_sales,stg_sales")

Configure = Callable[[Path], object]


def default_home(path: Path) -> None:
    """Configure a home as Dagster has it by default, but for what it tells its makers."""
    (path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")


class Cost(NamedTuple):
    """What a run cost.

    Attributes:
        seconds: From the start of the process to its end.
        megabytes: At the most.
        planning: Seconds from the first event that says what is planned to the start of the run.
    """

    seconds: float
    megabytes: float
    planning: float


def days_from_first(days: int) -> list[str]:
    """Give the first days of the partitions."""
    return [f"{FIRST + datetime.timedelta(days=n)}" for n in range(days)]


def materialize(
    what: tuple[str, str],
    days: int,
    url: str,
    options: Sequence[str] = (),
    configure: Configure = copy_home,
    settings: Mapping[str, str] | None = None,
) -> Cost:
    """Run `dagster asset materialize`.

    Args:
        what: The module, and its assets.
        days: How many, from the first one on.
        url: The API.
        options: More of the command.
        configure: Writes `dagster.yaml`; that of this project unless given.
        settings: More environment variables.
    """
    module, selection = what
    first, *_, last = [str(FIRST), *days_from_first(days)]
    span = ["--partition", first] if days == 1 else ["--partition-range", f"{first}...{last}"]
    with tempfile.TemporaryDirectory() as home:
        configure(Path(home))
        ours = {"DAGSTER_HOME": home, "BASE_DIR": f"{home}/storage", "SALES_API_URL": url}
        command = ["-m", "dagster", "asset", "materialize", "-m", module, "--select", selection]
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command, *span, *options],
            env={**os.environ, **ours, "AUTH_TOKEN": TOKEN, **(settings or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{command} failed"
        return Cost(seconds, usage.ru_maxrss / 1024, _planning(home))


def in_flight(url: str, limit: int) -> Sequence[str]:
    """Give the options that limit the requests under way of a run."""
    config = {"resources": {"sales_api": {"config": {"url": url, "max_in_flight": limit}}}}
    return ("--config-json", json.dumps(config))


def _planning(home: str) -> float:
    planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
    with dg.DagsterInstance.from_config(home) as instance:
        run = instance.get_runs(limit=1)[0]
        events = instance.get_records_for_run(run.run_id, of_type=planned, limit=1).records
        [start] = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.RUN_START
        ).records
    return start.timestamp - events[0].timestamp if events else 0.0
