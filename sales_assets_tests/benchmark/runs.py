"""Runs of the command line, each on a new Dagster instance and a new storage."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sales_assets_tests.benchmark.apis import FIRST, TOKEN
from sales_assets_tests.benchmark.figures import seconds
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.days import days_from

FLOOR = ("sales_assets_tests.benchmark.empty_assets", "first,second")
OURS = ("sales_assets_tests.benchmark.unchecked_assets", "raw_sales,stg_sales")
CHECKED = ("sales_assets.definitions", "raw_sales,stg_sales")


def materialize(
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
    first, *_, last = [str(FIRST), *days_from(str(FIRST), days)]
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
