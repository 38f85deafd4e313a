"""What the Dagster UI asks its server for, asked without a browser."""

import datetime
from collections.abc import Sequence
from typing import Any

import requests

from sales_assets_tests.helpers.waiting import wait_for

LOCATION = {
    "repositoryLocationName": "sales_assets.definitions",
    "repositoryName": "__repository__",
}
ASSETS = [{"path": ["raw_sales"]}, {"path": ["stg_sales"]}]
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


class DagsterUi:
    """The GraphQL API of a Dagster webserver.

    Attributes:
        url: Where the UI is.
    """

    def __init__(self, url: str) -> None:
        """Talk to the one at that address."""
        self.url = url

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Ask for anything."""
        answer = requests.post(
            f"{self.url}/graphql", json={"query": text, "variables": variables}, timeout=60
        ).json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def launch(self, job: str | None = None, **tags: str) -> str:
        """Launch a run; give its id.

        Args:
            job: The job; both sales assets with their checks unless given.
            tags: Which days, without the `dagster/` before each name.
        """
        what = {"pipelineName": job} if job else _BOTH_ASSETS
        answer = self.query(
            "mutation($params: ExecutionParams!) {"
            " launchPipelineExecution(executionParams: $params)"
            " { __typename ... on LaunchRunSuccess { run { runId } } } }",
            params={
                "selector": {**LOCATION, **what},
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

    def backfill_status(self, backfill: str) -> str:
        """Tell how a backfill stands; nothing while the server cannot tell."""
        answer = self.query(
            "query($id: String!) { partitionBackfillOrError(backfillId: $id)"
            " { ... on PartitionBackfill { status } } }",
            id=backfill,
        )
        return str(answer["partitionBackfillOrError"].get("status", ""))

    def wait_for_backfill(self, backfill: str, seconds: float = 300) -> None:
        """Wait until a backfill is complete.

        Raises:
            AssertionError: It ended otherwise, or not in time.
        """

        def ended() -> bool:
            return self.backfill_status(backfill) not in ("", "REQUESTED", "CANCELING")

        # Each question costs the webserver and Postgres what the runs could use.
        wait_for("the backfill", ended, seconds, pause=1)
        status = self.backfill_status(backfill)
        assert status == "COMPLETED_SUCCESS", status

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """Give the runs of a filter, the oldest first."""
        runs = self.query(
            "query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {"
            " runId parentRunId status stats { ... on RunStatsSnapshot"
            " { enqueuedTime launchTime startTime endTime } } } } } }",
            filter=filters,
        )["runsOrError"]["results"]
        return list(reversed(runs))

    def runs_of(self, backfill: str) -> list[dict[str, Any]]:
        """Give the runs of a backfill, the oldest first."""
        return self.runs(tags=[{"key": "dagster/backfill", "value": backfill}])

    def materializations(self, asset: str, days: Sequence[str]) -> list[str]:
        """Give the day of each materialization of some days that is recorded, in their order."""
        found = self.query(
            "query($key: AssetKeyInput!, $days: [String!]) { assetOrError(assetKey: $key)"
            " { ... on Asset { assetMaterializations(partitions: $days) { partition } } } }",
            key={"path": [asset]},
            days=list(days),
        )["assetOrError"]["assetMaterializations"]
        return sorted(event["partition"] for event in found)

    def finished(self, **filters: Any) -> list[dict[str, Any]]:
        """Give the runs of a filter once there are some and all have ended."""
        runs = self.runs(**filters)
        return runs if all(run["status"] in _ENDED for run in runs) else []


_BOTH_ASSETS = {"pipelineName": "__ASSET_JOB", "assetSelection": ASSETS}
