"""A `dagster dev` of this project, for the tests that talk to its UI, or as the UI does."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from sales_assets.sample.api import SampleApi
from sales_assets_tests.helpers.dagster_ui import ASSETS, DagsterUi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import free_port
from sales_assets_tests.helpers.waiting import wait_for


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
    """A `dagster dev` with the first of its processes; the others are of its session."""

    process: subprocess.Popen[bytes]


def kill_session(leader: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a session at once, as a power cut would."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            # After the name of the command: state, parent, group, session.
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader.pid:
                os.kill(int(stat.parent.name), signal.SIGKILL)
    leader.wait(20)


@contextmanager
def dagster_dev(environment: Mapping[str, str]) -> Iterator[DagsterDev]:
    """Run the project's workspace.yaml in `dagster dev`, once it has loaded and until the end."""
    port = free_port()
    server = DagsterDev(f"http://127.0.0.1:{port}")
    process = server.process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)],
        cwd=PROJECT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def loaded() -> bool:
        try:
            data = server.query("{ assetNodes { assetKey { path } groupName } }")
        except requests.ConnectionError:
            return False
        return len(data["assetNodes"]) >= len(ASSETS)

    try:
        wait_for("dagster dev", loaded, 180)
        yield server
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            # Its processes wait for each other, on a busy machine for longer than tests can.
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            kill_session(process)
