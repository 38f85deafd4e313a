"""What the Dagster UI asks its server for, asked without a browser, and a `dagster dev` to ask."""

import datetime
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from sales_assets.sample.api import SampleApi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, free_port, wait_for

LOCATION = {
    "repositoryLocationName": "sales_assets.definitions",
    "repositoryName": "__repository__",
}
ASSETS = [{"path": ["raw_sales"]}, {"path": ["stg_sales"]}]
SECONDS = 240  # that things may take on a busy machine


class DagsterUi:
    """The GraphQL API of a Dagster webserver; `process` is that of a `dagster dev`."""

    process: Program

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Ask for anything."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def launch(self, job: str | None = None, **tags: str) -> str:
        """Launch a run of a job, or of both assets with their checks; give its id.

        `tags` say for which days, without the `dagster/` before each name.
        """
        assets = {"pipelineName": "__ASSET_JOB", "assetSelection": ASSETS}
        answer = self.query(
            "mutation($params: ExecutionParams!) {"
            " launchPipelineExecution(executionParams: $params)"
            " { __typename ... on LaunchRunSuccess { run { runId } } } }",
            params={
                "selector": {**LOCATION, **({"pipelineName": job} if job else assets)},
                "mode": "default",
                "executionMetadata": {
                    "tags": [{"key": f"dagster/{k}", "value": v} for k, v in tags.items()]
                },
            },
        )
        return str(answer["launchPipelineExecution"]["run"]["runId"])

    def tick(self, schedule: str, at: datetime.datetime) -> list[dict[str, str]]:
        """Have the tick of a time evaluated; give the tags of each run that it requests."""
        answer = self.query(
            "mutation($selector: ScheduleSelector!, $at: Float) {"
            " scheduleDryRun(selectorData: $selector, timestamp: $at)"
            " { ... on DryRunInstigationTick { evaluationResult"
            " { error { message } runRequests { tags { key value } } } } } }",
            selector={**LOCATION, "scheduleName": schedule},
            at=at.timestamp(),
        )["scheduleDryRun"]["evaluationResult"]
        assert not answer["error"], answer["error"]
        return [
            {tag["key"]: tag["value"] for tag in request["tags"]}
            for request in answer["runRequests"]
        ]

    def switch_on(self, sensor: str) -> None:
        """Have a sensor evaluated from now on."""
        answer = self.query(
            "mutation($selector: SensorSelector!)"
            " { startSensor(sensorSelector: $selector) { __typename } }",
            selector={**LOCATION, "sensorName": sensor},
        )
        assert answer["startSensor"]["__typename"] == "Sensor", answer

    def backfill(self, days: Sequence[str]) -> str:
        """Launch a backfill of both sales assets; give its id."""
        launched = self.query(
            "mutation($params: LaunchBackfillParams!) {"
            " launchPartitionBackfill(backfillParams: $params)"
            " { __typename ... on LaunchBackfillSuccess { backfillId } } }",
            params={"assetSelection": ASSETS, "partitionNames": days},
        )
        return str(launched["launchPartitionBackfill"]["backfillId"])

    def wait_for_backfill(self, backfill: str, seconds: float = 300) -> None:
        """Wait until a backfill is complete; fail if it ends otherwise."""

        def ended() -> str | None:
            answer = self.query(
                "query($id: String!) { partitionBackfillOrError(backfillId: $id)"
                " { ... on PartitionBackfill { status } } }",
                id=backfill,
            )
            status = answer["partitionBackfillOrError"].get("status")
            return None if status in ("REQUESTED", "CANCELING") else status

        # Each question costs what the runs could use.
        status = wait_for("the backfill", ended, seconds, pause=1)
        assert status == "COMPLETED_SUCCESS", status

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Give the runs of a filter, the oldest first."""
        if tags := filters.get("tags"):
            filters["tags"] = [{"key": key, "value": value} for key, value in tags.items()]
        runs = self.query(
            "query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {"
            " runId parentRunId status stats { ... on RunStatsSnapshot"
            " { enqueuedTime launchTime startTime endTime } } } } } }",
            filter=filters,
        )["runsOrError"]["results"]
        return list(reversed(runs))

    def runs_of(self, backfill: str) -> list[dict[str, Any]]:
        """Give the runs of a backfill, the oldest first."""
        return self.runs(tags={"dagster/backfill": backfill})

    def materializations(self, asset: str, days: Sequence[str]) -> list[str]:
        """Give the day of each materialization of some days that is recorded, in their order."""
        found = self.query(
            "query($key: AssetKeyInput!, $days: [String!]) { assetOrError(assetKey: $key)"
            " { ... on Asset { assetMaterializations(partitions: $days) { partition } } } }",
            key={"path": [asset]},
            days=list(days),
        )["assetOrError"]["assetMaterializations"]
        return sorted(event["partition"] for event in found)

    def ended(self, **filters: Any) -> list[dict[str, Any]]:
        """Wait until there are runs of a filter and all have ended; give them, the oldest first."""

        def ended() -> list[dict[str, Any]]:
            runs = self.runs(**filters)
            return (
                runs
                if all(run["status"] in ("SUCCESS", "FAILURE", "CANCELED") for run in runs)
                else []
            )

        return wait_for(f"the end of the runs of {filters}", ended, SECONDS)


def copy_home(path: Path) -> Path:
    """Make a DAGSTER_HOME of a directory, configured as this project's."""
    shutil.copy(PROJECT / "dagster_home" / "dagster.yaml", path)
    return path


def settings_of(home: Path, api: SampleApi, **more: str) -> dict[str, str]:
    """The environment of all that works with a new home, set up as the README says, and an API."""
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(copy_home(home)),
        "BASE_DIR": str(home / "storage"),
        "SALES_API_URL": api.url,
        "AUTH_TOKEN": api.token,
        **more,
    }
    migrate = [sys.executable, "-m", "dagster", "instance", "migrate"]
    subprocess.run(migrate, env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    return environment


@contextmanager
def dagster_dev(environment: Mapping[str, str]) -> Iterator[DagsterUi]:
    """Run the project's workspace.yaml in `dagster dev`, once it has loaded and until the end."""
    port = free_port()
    server = DagsterUi(f"http://127.0.0.1:{port}")

    def loaded() -> bool:
        data = server.query("{ assetNodes { assetKey { path } groupName } }")
        return len(data["assetNodes"]) >= len(ASSETS)

    command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
    with Program(command, cwd=PROJECT, env=environment) as server.process:
        server.process.wait_until(loaded, 180)
        yield server
