"""A `dagster dev` of this project, for the tests that talk to its UI, or as the UI does."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from sales_assets_tests.helpers.dagster_ui import ASSETS, DagsterUi
from sales_assets_tests.helpers.files import PROJECT
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


class DagsterDev(DagsterUi):
    """A `dagster dev` and the API of its UI.

    Attributes:
        process: The first of its processes; the others are of its session.
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        """Talk to the one at that address."""
        super().__init__(url)
        self.process = process


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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)],
        cwd=PROJECT,
        env=dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    server = DagsterDev(f"http://127.0.0.1:{port}", process)

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
