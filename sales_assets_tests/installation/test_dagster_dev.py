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
from sales_assets_tests.helpers.dagster_dev import dagster_dev, settings_of
from sales_assets_tests.helpers.dagster_ui import DagsterUi
from sales_assets_tests.helpers.days import days_from
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.waiting import wait_for
from sales_assets_tests.helpers.webhook_server import WebhookServer

pytestmark = pytest.mark.slow


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
def settings(
    tmp_path_factory: pytest.TempPathFactory, sample: SampleApi, webhook: WebhookServer
) -> dict[str, str]:
    """The environment of every process here."""
    home = tmp_path_factory.mktemp("dagster_home")
    more = {"SALES_ALERT_URL": webhook.url, "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2"}
    return settings_of(home, sample, **more)


@pytest.fixture(scope="module")
def home(settings: dict[str, str]) -> Path:
    """The DAGSTER_HOME."""
    return Path(settings["DAGSTER_HOME"])


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
    dev.ended(runIds=[run_id])

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
    [run] = dev.ended(runIds=[run_id])
    assert run["status"] == "FAILURE"
    again = {"key": "dagster/parent_run_id", "value": run_id}
    [run] = dev.ended(tags=[again])
    assert run["status"] == "SUCCESS"


def test_a_backfill_of_31_days_from_the_ui_is_one_run(dev: DagsterUi, home: Path) -> None:
    days = days_from("2023-01-01", 31)
    backfill = dev.backfill(days)
    dev.wait_for_backfill(backfill)
    assert [run["status"] for run in dev.runs_of(backfill)] == ["SUCCESS"]
    assert all((home / f"storage/stg/sales/{day}/sales_{day}.avro").exists() for day in days)


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
    runs = dev.ended(pipelineName="sales")
    assert len(runs) == len(days)
    assert {run["status"] for run in runs} == {"SUCCESS"}
    assert all((home / f"storage/stg/sales/{day}/sales_{day}.avro").exists() for day in days)
