"""A `dagster dev` of this project, for the tests that talk to its UI, or as the UI does."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from sales_assets.sample.api import SampleApi
from sales_assets_tests.helpers.dagster_ui import ASSETS, DagsterUi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, free_port


def copy_home(path: Path) -> Path:
    """Make a DAGSTER_HOME of a directory, configured as this project's."""
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", path)
    return path


def make_home(path: Path) -> Path:
    """Make a DAGSTER_HOME of a directory, set up as the README has it done."""
    copy_home(path)
    migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
    environment = {**os.environ, "DAGSTER_HOME": str(path)}
    subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return path


def settings_of(home: Path, api: SampleApi, **more: str) -> dict[str, str]:
    """The environment of all that works with a new home, and with an API."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(make_home(home)),
        "BASE_DIR": str(home / "storage"),
        "SALES_API_URL": api.url,
        "AUTH_TOKEN": api.token,
        **more,
    }


class DagsterDev(DagsterUi):
    """The UI of a `dagster dev`, and its processes."""

    process: Program


@contextmanager
def dagster_dev(environment: Mapping[str, str]) -> Iterator[DagsterDev]:
    """Run the project's workspace.yaml in `dagster dev`, once it has loaded and until the end."""
    port = free_port()
    server = DagsterDev(f"http://127.0.0.1:{port}")

    def loaded() -> bool:
        try:
            data = server.query("{ assetNodes { assetKey { path } groupName } }")
        except requests.ConnectionError:
            return False
        return len(data["assetNodes"]) >= len(ASSETS)

    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    with Program(command, cwd=PROJECT, env=environment) as server.process:
        server.process.wait_until(loaded, 180)
        yield server
