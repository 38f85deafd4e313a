"""What the Dagster UI does, sent to a real `dagster dev` the way the UI sends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets_tests.helpers.dagster_dev import dagster_dev, make_home
from sales_assets_tests.helpers.dagster_ui import DagsterUi
from sales_assets_tests.helpers.files import PROJECT, tree
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.waiting import wait_for
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME as the README has it made."""
    return make_home(tmp_path_factory.mktemp("dagster_home"))


@pytest.fixture(scope="module")
def sample() -> Iterator[SampleApi]:
    """The API that everything here talks to."""
    with SampleApi() as server:
        yield server


@pytest.fixture(scope="module")
def webhook() -> Iterator[WebhookServer]:
    """Where failed runs are told of."""
    with WebhookServer() as server:
        yield server


@pytest.fixture(scope="module")
def settings(home: Path, sample: SampleApi, webhook: WebhookServer) -> dict[str, str]:
    """The environment of every process here."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "BASE_DIR": str(home / "storage"),
        "SALES_API_URL": sample.url,
        "AUTH_TOKEN": sample.token,
        "SALES_ALERT_URL": webhook.url,
        "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2",
    }


@pytest.fixture(scope="module")
def dev(settings: dict[str, str]) -> Iterator[DagsterUi]:
    """A server of this project's workspace.yaml."""
    with dagster_dev(settings) as server:
        yield server


def test_a_run_that_fails_is_posted_to_the_webhook(
    dev: DagsterUi, sample: SampleApi, webhook: WebhookServer
) -> None:
    day = "2022-12-26"
    sample.faults = Faults([Fault.model_validate({"date": day, "status": 404})])
    run_id = dev.launch(partition=day)
    text = wait_for("the alert", lambda: [text for text in webhook.texts if run_id in text])[0]
    assert text.startswith(f"Failed: raw_sales, stg_sales, {day}\n")
    assert f"{day}: {sample.url}/sales has no data for this day" in text


def test_assets_that_were_materialized_today_are_on_time(dev: DagsterUi) -> None:
    run_id = dev.launch(partition=DAY)
    wait_for("the run", lambda: dev.finished(runIds=[run_id]))

    def on_time() -> bool:
        data = dev.query("{ assetNodes { groupName freshnessStatusInfo { freshnessStatus } } }")
        nodes = [node for node in data["assetNodes"] if node["groupName"] == "sales"]
        infos = [node["freshnessStatusInfo"] for node in nodes]
        # The API is an asset, too, without a deadline.
        states = [info["freshnessStatus"] for info in infos if info]
        return states == ["HEALTHY", "HEALTHY"]

    wait_for("both assets to be on time", on_time)


def test_a_run_that_is_killed_is_found_out_and_started_again(
    dev: DagsterUi, home: Path, sample: SampleApi
) -> None:
    day = "2022-12-24"
    fault = {"date": day, "page": 2, "delay": 60, "times": 1}
    sample.faults = Faults([Fault.model_validate(fault)])
    run_id = dev.launch(partition=day)

    def process(instance: dg.DagsterInstance) -> int | None:
        events = [entry.dagster_event for entry in instance.all_logs(run_id)]
        steps = [event for event in events if event and event.event_type_value == "STEP_OUTPUT"]
        return steps[0].pid if steps else None

    with dg.DagsterInstance.from_config(str(home)) as instance:
        os.kill(wait_for("the process of the run", lambda: process(instance)), signal.SIGKILL)
    [run] = wait_for("the run to be found out", lambda: dev.finished(runIds=[run_id]))
    assert run["status"] == "FAILURE"
    again = {"key": "dagster/parent_run_id", "value": run_id}
    [run] = wait_for("the run that follows", lambda: dev.finished(tags=[again]))
    assert run["status"] == "SUCCESS"


def test_a_backfill_of_31_days_from_the_ui_is_one_run(dev: DagsterUi, home: Path) -> None:
    days = [f"2023-01-{day:02}" for day in range(1, 32)]
    tag = {"key": "dagster/backfill", "value": dev.backfill(days)}
    runs = wait_for("the backfill", lambda: dev.finished(tags=[tag]))
    assert [run["status"] for run in runs] == ["SUCCESS"]
    stored = {Path(name).name for name in tree(home / "storage")}
    assert {f"sales_{day}.avro" for day in days} <= stored


def test_dagster_job_backfill_works(dev: DagsterUi, home: Path, settings: dict[str, str]) -> None:
    days = ["2023-02-01", "2023-02-02"]
    backfill = ["dagster", "job", "backfill", "-j", "sales", "--partitions", ",".join(days)]
    subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", *backfill, "--noprompt"],
        cwd=PROJECT,
        env=settings,
        check=True,
        timeout=120,
    )
    runs = wait_for("the runs", lambda: dev.finished(pipelineName="sales"))
    assert len(runs) == len(days)
    assert {run["status"] for run in runs} == {"SUCCESS"}
    stored = {Path(name).name for name in tree(home / "storage")}
    assert {f"sales_{day}.avro" for day in days} <= stored
