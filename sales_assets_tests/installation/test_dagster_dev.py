"""A real `dagster dev`: what its UI does, and what becomes of runs when processes are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets_tests.helpers.dagster_dev import (
    LOCATION,
    SECONDS,
    DagsterUi,
    dagster_dev,
    settings_of,
)
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, wait_for
from sales_assets_tests.helpers.rows import DAY, days_from
from sales_assets_tests.helpers.webhook_server import WebhookServer


@pytest.fixture(scope="module")
def sample() -> Iterator[SampleApi]:
    with SampleApi() as server:
        yield server


@pytest.fixture(scope="module")
def webhook() -> Iterator[WebhookServer]:
    with WebhookServer() as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dagster_home")


@pytest.fixture(scope="module")
def settings(home: Path, sample: SampleApi, webhook: WebhookServer) -> dict[str, str]:
    more = {"SALES_ALERT_URL": webhook.url, "FRESHNESS_DAEMON_INTERVAL_SECONDS": "2"}
    return settings_of(home, sample, **more)


@pytest.fixture(scope="module")
def dev(settings: dict[str, str]) -> Iterator[DagsterUi]:
    with dagster_dev(settings) as server:
        yield server


def let(sample: SampleApi, **fault: Any) -> None:
    """Let one thing go wrong, in the words of a file of faults."""
    sample.faults = Faults([Fault.model_validate(fault)])


@pytest.mark.slow
def test_a_run_that_fails_is_posted_to_the_webhook(
    dev: DagsterUi, sample: SampleApi, webhook: WebhookServer
) -> None:
    day = "2022-12-26"
    let(sample, date=day, status=404)
    run_id = dev.launch(partition=day)
    text = wait_for("the alert", lambda: [text for text in webhook.texts if run_id in text])[0]
    assert text.startswith(f"Failed: raw_sales, stg_sales, {day}\n")
    assert f"{day}: {sample.url}/sales has no data for this day" in text


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_run_that_is_killed_is_found_out_and_started_again(
    dev: DagsterUi, home: Path, sample: SampleApi
) -> None:
    day = "2022-12-24"
    let(sample, date=day, page=2, delay=60, times=1)
    run_id = dev.launch(partition=day)

    def process(instance: dg.DagsterInstance) -> int | None:
        events = [entry.dagster_event for entry in instance.all_logs(run_id)]
        steps = [event for event in events if event and event.event_type_value == "STEP_OUTPUT"]
        return steps[0].pid if steps else None

    with dg.DagsterInstance.from_config(str(home)) as instance:
        os.kill(wait_for("the process of the run", lambda: process(instance)), signal.SIGKILL)
    [run] = dev.ended(runIds=[run_id])
    assert run["status"] == "FAILURE"
    [run] = dev.ended(tags={"dagster/parent_run_id": run_id})
    assert run["status"] == "SUCCESS"


@pytest.mark.slow
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


def wait_for_status(ui: DagsterUi, status: str, **filters: Any) -> str:
    def found() -> list[str]:
        return [run["runId"] for run in ui.runs(**filters) if run["status"] == status]

    return wait_for(f"a run to be {status}", found, SECONDS)[0]


@pytest.mark.topology
def test_a_backfill_survives_the_end_of_dagster_dev_with_all_its_processes(
    sample: SampleApi, tmp_path: Path
) -> None:
    days, settings = days_from("2023-01-01"), settings_of(tmp_path, sample)
    let(sample, date=days[20], delay=600, times=1)
    with dagster_dev(settings) as dev:
        backfill = dev.backfill(days)
        first = wait_for_status(dev, "STARTED", tags={"dagster/backfill": backfill})
        dev.process.kill()
    with dagster_dev(settings) as dev:
        wait_for_status(dev, "FAILURE", runIds=[first])
        [second] = dev.ended(tags={"dagster/parent_run_id": first})
        dev.wait_for_backfill(backfill)
        assert len(dev.runs_of(backfill)) == 2
    assert second["status"] == "SUCCESS"
    assert all((tmp_path / f"storage/stg/sales/{day}/sales_{day}.avro").exists() for day in days)


@pytest.mark.topology
def test_a_run_of_the_command_line_that_is_killed_is_marked_and_one_that_lives_is_not_touched(
    dev: DagsterUi, settings: dict[str, str], sample: SampleApi
) -> None:
    kept, killed = "2023-03-01", "2023-03-02"
    let(sample, page=1, delay=600)
    living = dev.launch(partition=kept)
    wait_for_status(dev, "STARTED", runIds=[living])
    dev.query(
        "mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name)"
        " { __typename } }",
        name=LOCATION["repositoryLocationName"],
    )
    command = ["dagster", "asset", "materialize", "-m", "sales_assets.definitions"]
    options = ["--select", "raw_sales", "--partition", killed]
    with Program([sys.executable, "-m", *command, *options], cwd=PROJECT, env=settings):
        run_id = wait_for_status(dev, "STARTED", tags={"dagster/partition": killed})
    # The run that lives is looked for just as often until then.
    wait_for_status(dev, "FAILURE", runIds=[run_id])
    [run] = dev.runs(runIds=[living])
    assert run["status"] == "STARTED"
