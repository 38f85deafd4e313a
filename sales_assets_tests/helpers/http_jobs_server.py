"""A real `sales-assets http-jobs` in another process, and a sales API that can keep it waiting."""

import datetime
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import requests

from sales_assets.sample.invented import sample_page
from sales_assets_tests.helpers.commands import OURS
from sales_assets_tests.helpers.programs import Program, children
from sales_assets_tests.helpers.scripted_api import ScriptedApi

HTTP_JOBS = (*OURS, "http-jobs", "--raw-port", "0", "--stg-port", "0")


class HeldApi(ScriptedApi):
    """The scripted API, with sample sales for the days that are not scripted.

    It answers for the days in `held` once their event is set. `waiting` is set when a request for
    one has come; `asked` has them in the order of their first requests, and `most_days` counts
    those that waited at the same time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, threading.Event] = {}
        self.waiting = threading.Event()
        self.asked: list[str] = []
        self.most_days = 0

    def _page(self, day: datetime.date, number: int) -> bytes | None:
        if release := self.held.get(day.isoformat()):
            if f"{day}" not in self.asked:
                self.asked.append(f"{day}")
            self.most_days = max(self.most_days, len(set(self.asked) & set(self.held)))
            self.waiting.set()
            release.wait(60)
        return super()._page(day, number) if f"{day}" in self.days else sample_page(day, number)


class HttpJobs:
    """The running command: its process, its URLs by asset, and where it stores and logs."""

    def __init__(self, process: Program, directory: Path) -> None:
        self.process = process
        self.storage = directory / "storage"
        self.home = directory / "dagster_home"
        self.log = process.log
        self.urls: dict[str, str] = {}

    def answers(self, ports: int) -> bool:
        """Tell whether it answers on so many ports, and so heeds signals."""
        self.urls = dict(re.findall(r"^(\w+): POST (\S+)\n", self.log.read_text(), re.MULTILINE))
        health = [requests.get(url + "health", timeout=30) for url in self.urls.values()]
        return len(health) == ports

    def directory(self, layer: str, day: str) -> str:
        """Name a directory in its storage."""
        return str(self.storage / layer / "sales" / day)

    def raw(self, day: str, **changes: Any) -> requests.Response:
        """Send the request of the first job, with some fields changed."""
        fields = {"date": day, "raw_dir": self.directory("raw", day), **changes}
        return self.post("raw_sales", fields)

    def stg(self, day: str, **changes: Any) -> requests.Response:
        """Send the request of the second job likewise."""
        fields = {layer + "_dir": self.directory(layer, day) for layer in ("raw", "stg")}
        return self.post("stg_sales", {**fields, **changes})

    def post(self, asset: str, fields: dict[str, Any]) -> requests.Response:
        """Send JSON."""
        return requests.post(self.urls[asset], json=fields, timeout=300)

    def instance(self) -> dg.DagsterInstance:
        """Open its instance."""
        return dg.DagsterInstance.from_config(str(self.home))

    def status_of(self, response: requests.Response) -> dg.DagsterRunStatus:
        """Look up the run that an answer names."""
        with self.instance() as instance:
            run = instance.get_run_by_id(response.json()["run_id"])
            assert run is not None
            return run.status

    def fork_server(self) -> int:
        """Find the process that the runs are forked from."""
        started = {pid: Path(f"/proc/{pid}/cmdline") for pid in children(self.process.pid)}
        [found] = [pid for pid, line in started.items() if "forkserver" in line.read_text()]
        return found

    def runs(self) -> list[int]:
        """Find the processes of its runs."""
        return children(self.fork_server())

    def stop(self) -> int:
        """Have it stop, and give its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def running_http_jobs(
    directory: Path,
    *options: str,
    name: str = "http_jobs",
    redirection: str = "",
    **variables: str,
) -> Iterator[HttpJobs]:
    """Run the command with its storage and its Dagster home in `directory`, which may be shared."""
    (directory / "dagster_home").mkdir(exist_ok=True)
    (directory / "dagster_home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with Program(
        ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', sys.executable, *HTTP_JOBS, *options],
        directory / f"{name}.log",
        cwd=directory,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "BASE_DIR": str(directory / "storage"),
            "DAGSTER_HOME": str(directory / "dagster_home"),
            **variables,
        },
    ) as process:
        jobs = HttpJobs(process, directory)
        process.wait_until(lambda: jobs.answers(ports=1 if "--only" in options else 2))
        yield jobs


def api_settings(api: ScriptedApi) -> dict[str, str]:
    return {"SALES_API_URL": api.url, "AUTH_TOKEN": api.token}
