"""A `dagster dev` of this project, for the tests that talk to it as the UI does, or through it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from sales_assets_tests.conftest import PROJECT

LOCATION = {
    "repositoryLocationName": "sales_assets.definitions",
    "repositoryName": "__repository__",
}
ASSETS = [{"path": ["raw_sales"]}, {"path": ["stg_sales"]}]


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 90) -> Any:
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


def make_home(path: Path) -> Path:
    """Make a DAGSTER_HOME of a directory, as the README has it made."""
    shutil.copy(PROJECT / "dagster.yaml", path)
    migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
    environment = {**os.environ, "DAGSTER_HOME": str(path)}
    subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return path


class DagsterDev:
    """A running `dagster dev`.

    Attributes:
        url: Where the UI is.
    """

    def __init__(self, url: str) -> None:
        """Talk to the one at that address."""
        self.url = url

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Ask its GraphQL endpoint."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def launch(self, **tags: str) -> str:
        """Materialize and check both sales assets as the UI does; give the id of the run.

        Args:
            tags: Which days, without the `dagster/` before each name.
        """
        answer = self.query(
            "mutation($params: ExecutionParams!) {"
            " launchPipelineExecution(executionParams: $params)"
            " { __typename ... on LaunchRunSuccess { run { runId } } } }",
            params={
                "selector": {
                    **LOCATION,
                    "pipelineName": "__ASSET_JOB",
                    "assetSelection": ASSETS,
                },
                "mode": "default",
                "executionMetadata": {
                    "tags": [{"key": f"dagster/{k}", "value": v} for k, v in tags.items()]
                },
            },
        )
        return str(answer["launchPipelineExecution"]["run"]["runId"])

    def backfill(self, days: Sequence[str]) -> str:
        """Launch a backfill of both sales assets as the UI does; give its id."""
        launched = self.query(
            "mutation($params: LaunchBackfillParams!) {"
            " launchPartitionBackfill(backfillParams: $params)"
            " { __typename ... on LaunchBackfillSuccess { backfillId } } }",
            params={"assetSelection": ASSETS, "partitionNames": days},
        )
        return str(launched["launchPartitionBackfill"]["backfillId"])

    def finished(self, **filters: Any) -> list[dict[str, Any]]:
        """Give the runs of a filter once there are some and all have ended."""
        runs = self.query(
            "query($filter: RunsFilter) { runsOrError(filter: $filter)"
            " { ... on Runs { results { runId status startTime endTime } } } }",
            filter=filters,
        )["runsOrError"]["results"]
        return runs if all(run["status"] in ("SUCCESS", "FAILURE") for run in runs) else []


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
    server = DagsterDev(f"http://127.0.0.1:{port}")

    def loaded() -> bool:
        try:
            data = server.query("{ assetNodes { assetKey { path } groupName } }")
        except requests.ConnectionError:
            return False
        return len(data["assetNodes"]) >= len(ASSETS)

    try:
        wait_for("dagster dev", loaded)
        yield server
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(20)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
