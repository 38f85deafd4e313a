"""A real `sales-assets http-jobs` in another process, and a sales API that can keep it waiting."""

import datetime
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from sales_assets.sample.sales import sample_page
from sales_assets_tests.conftest import ScriptedApi


class HeldApi(ScriptedApi):
    """The scripted API, with sample sales for the days that are not scripted.

    Attributes:
        held: Days to answer for only once their event is set.
        waiting: Set when a request for a held day has come.
    """

    def __init__(self) -> None:
        """Hold no day yet."""
        super().__init__()
        self.held: dict[str, threading.Event] = {}
        self.waiting = threading.Event()

    def _page(self, day: datetime.date, number: int) -> bytes | None:
        if release := self.held.get(day.isoformat()):
            self.waiting.set()
            release.wait(60)
        return super()._page(day, number) if f"{day}" in self.days else sample_page(day, number)


class HttpJobs:
    """The running command.

    Attributes:
        process: Its process.
        urls: Address by name of the asset.
        storage: Its `BASE_DIR`.
        home: Its `DAGSTER_HOME`.
        log: What it wrote to stderr.
    """

    def __init__(self, process: "subprocess.Popen[str]", directory: Path, log: Path) -> None:
        """Wait until it listens."""
        assert process.stdout is not None
        self.process = process
        self.storage = directory / "storage"
        self.home = directory / "dagster_home"
        self.log = log
        self.urls: dict[str, str] = {}
        while len(self.urls) < 2:
            line = process.stdout.readline()
            match = re.fullmatch(r"(\w+): POST (\S+)\n", line)
            assert match, line + log.read_text()
            self.urls[match[1]] = match[2]
        # Its handlers of signals are there once it answers.
        requests.get(self.urls["raw_sales"] + "health", timeout=30)

    def directory(self, layer: str, day: str) -> str:
        """Name a directory in its storage."""
        return str(self.storage / layer / "sales" / day)

    def raw(self, day: str, **changes: Any) -> requests.Response:
        """Send the request of the first job, with some fields changed."""
        return self.post("raw_sales", {"date": day, "raw_dir": self.directory("raw", day)}, changes)

    def stg(self, day: str, **changes: Any) -> requests.Response:
        """Send the request of the second job likewise."""
        fields = {layer + "_dir": self.directory(layer, day) for layer in ("raw", "stg")}
        return self.post("stg_sales", fields, changes)

    def post(
        self, asset: str, fields: dict[str, Any], changes: dict[str, Any] | None = None
    ) -> requests.Response:
        """Send JSON."""
        return requests.post(self.urls[asset], json={**fields, **(changes or {})}, timeout=60)

    def stop(self) -> int:
        """Have it stop, and give its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running_http_jobs(directory: Path, **variables: str) -> Iterator[HttpJobs]:
    """Run the command with its storage and its Dagster home in `directory`.

    Args:
        directory: Is also the working directory.
        variables: More of its environment.
    """
    (directory / "dagster_home").mkdir()
    (directory / "dagster_home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    log = directory / "http_jobs.log"
    command = ["-m", "sales_assets.cli", "http-jobs", "--raw-port", "0", "--stg-port", "0"]
    with (
        log.open("w") as stderr,
        subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, *command],
            cwd=directory,
            env={
                "PATH": "/usr/bin:/bin",
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "BASE_DIR": str(directory / "storage"),
                "DAGSTER_HOME": str(directory / "dagster_home"),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            yield HttpJobs(process, directory, log)
        finally:
            process.kill()


def api_settings(api: ScriptedApi) -> dict[str, str]:
    """The environment of a server that uses an API."""
    return {"SALES_API_URL": api.url, "AUTH_TOKEN": api.token}
