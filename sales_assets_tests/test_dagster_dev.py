"""What the Dagster UI does, sent to a real `dagster dev` the way the UI sends it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from sales_assets_tests.conftest import DAY, PROJECT, tree

LOCATION = {
    "repositoryLocationName": "sales_assets.definitions",
    "repositoryName": "__repository__",
}
ASSETS = [{"path": ["raw_sales"]}, {"path": ["stg_sales"]}]
Query = Callable[..., dict[str, Any]]


def wait_for(what: str, ready: Callable[[], Any], seconds: float = 90) -> Any:
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s for {what}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME whose databases are there before several processes use them."""
    path = tmp_path_factory.mktemp("dagster_home")
    (path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(path)) as instance:
        instance.get_runs(limit=1)
        instance.fetch_materializations(dg.AssetKey("raw_sales"), limit=1)
    return path


def environment(home: Path) -> dict[str, str]:
    """The environment of everything here: sample sales, stored below `home`."""
    storage = {"DAGSTER_HOME": str(home), "BASE_DIR": str(home / "storage")}
    return {**os.environ, **storage, "SALES_API_URL": "sample"}


@pytest.fixture(scope="module")
def graphql(home: Path) -> Iterator[Query]:
    """The GraphQL endpoint of a `dagster dev` that serves this project's workspace.yaml."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)],
        cwd=PROJECT,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def query(text: str, **variables: Any) -> dict[str, Any]:
        answer = requests.post(
            f"http://127.0.0.1:{port}/graphql",
            json={"query": text, "variables": variables},
            timeout=60,
        ).json()
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def loaded() -> bool:
        try:
            data = query("{ assetNodes { assetKey { path } groupName } }")
        except requests.ConnectionError:
            return False
        return len(data["assetNodes"]) >= len(ASSETS)

    try:
        wait_for("dagster dev", loaded)
        yield query
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(20)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)


def finished(graphql: Query, **filters: Any) -> list[dict[str, Any]]:
    """Give the runs of a filter once there are some and all have ended."""
    runs = graphql(
        "query($filter: RunsFilter) { runsOrError(filter: $filter)"
        " { ... on Runs { results { runId status } } } }",
        filter=filters,
    )["runsOrError"]["results"]
    return runs if all(run["status"] in ("SUCCESS", "FAILURE") for run in runs) else []


def test_the_workspace_holds_both_assets_in_their_group(graphql: Query) -> None:
    nodes = graphql("{ assetNodes { assetKey { path } groupName kinds description } }")[
        "assetNodes"
    ]
    by_name = {node["assetKey"]["path"][0]: node for node in nodes}
    for name, kind in (("raw_sales", "json"), ("stg_sales", "avro")):
        assert by_name[name]["groupName"] == "sales"
        assert kind in by_name[name]["kinds"]
        assert by_name[name]["description"]


def test_one_partition_is_materialized_from_the_ui(graphql: Query, home: Path) -> None:
    launched = graphql(
        "mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params)"
        " { __typename ... on LaunchRunSuccess { run { runId } } } }",
        params={
            "selector": {
                **LOCATION,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": ASSETS,
                "assetCheckSelection": [],
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": DAY}]},
        },
    )["launchPipelineExecution"]
    run_id = launched["run"]["runId"]
    [run] = wait_for("the run", lambda: finished(graphql, runIds=[run_id]))
    assert run["status"] == "SUCCESS"
    assert f"sales_{DAY}.avro" in {Path(name).name for name in tree(home / "storage")}


def test_a_backfill_of_31_days_from_the_ui_is_one_run(graphql: Query, home: Path) -> None:
    days = [f"2023-01-{day:02}" for day in range(1, 32)]
    launched = graphql(
        "mutation($params: LaunchBackfillParams!) {"
        " launchPartitionBackfill(backfillParams: $params)"
        " { __typename ... on LaunchBackfillSuccess { backfillId } } }",
        params={"assetSelection": ASSETS, "partitionNames": days},
    )["launchPartitionBackfill"]
    tag = {"key": "dagster/backfill", "value": launched["backfillId"]}
    runs = wait_for("the backfill", lambda: finished(graphql, tags=[tag]))
    assert [run["status"] for run in runs] == ["SUCCESS"]
    stored = {Path(name).name for name in tree(home / "storage")}
    assert {f"sales_{day}.avro" for day in days} <= stored


def test_dagster_job_backfill_works(graphql: Query, home: Path) -> None:
    days = ["2023-02-01", "2023-02-02"]
    backfill = ["dagster", "job", "backfill", "-j", "sales", "--partitions", ",".join(days)]
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", *backfill, "--noprompt"],
        cwd=PROJECT,
        env=environment(home),
        check=True,
        timeout=120,
    )
    runs = wait_for("the runs", lambda: finished(graphql, pipelineName="sales"))
    assert len(runs) == len(days)
    assert {run["status"] for run in runs} == {"SUCCESS"}
    stored = {Path(name).name for name in tree(home / "storage")}
    assert {f"sales_{day}.avro" for day in days} <= stored
