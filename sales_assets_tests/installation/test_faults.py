"""`dagster dev`, its code location and its runs, killed or reloaded while they work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets_tests.helpers.dagster_dev import dagster_dev, kill_session, make_home
from sales_assets_tests.helpers.dagster_ui import LOCATION, DagsterUi
from sales_assets_tests.helpers.files import PROJECT, tree
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.topology

SECONDS = 240
"""How long things may take on a busy machine."""


@pytest.fixture
def api() -> Iterator[SampleApi]:
    """The API of all runs here."""
    with SampleApi() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, api: SampleApi) -> dict[str, str]:
    """The environment of every process here."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(make_home(tmp_path)),
        "BASE_DIR": str(tmp_path / "storage"),
        "SALES_API_URL": api.url,
        "AUTH_TOKEN": api.token,
    }


def hold(api: SampleApi, *days: str, times: int | None = None) -> None:
    """Have the API hold back the first page of days, each time or so many times."""
    fault = {"page": 1, "delay": 600, "times": times}
    api.faults = Faults([Fault.model_validate({"date": day, **fault}) for day in days])


def wait_for_status(ui: DagsterUi, run_id: str, status: str) -> None:
    """Wait until a run stands so."""
    wait_for(
        f"the run to be {status}",
        lambda: [run for run in ui.runs(runIds=[run_id]) if run["status"] == status],
        SECONDS,
    )


def test_a_backfill_survives_the_end_of_dagster_dev_with_all_its_processes(
    settings: dict[str, str], api: SampleApi, tmp_path: Path
) -> None:
    days = [f"2023-01-{day:02}" for day in range(1, 32)]
    hold(api, days[20], times=1)
    with dagster_dev(settings) as dev:
        backfill = dev.backfill(days)
        [first] = wait_for("the run", lambda: dev.runs_of(backfill), SECONDS)
        wait_for_status(dev, first["runId"], "STARTED")
        kill_session(dev.process)
    with dagster_dev(settings) as dev:
        wait_for_status(dev, first["runId"], "FAILURE")
        again = {"key": "dagster/parent_run_id", "value": first["runId"]}
        [second] = wait_for("the run that follows", lambda: dev.finished(tags=[again]), SECONDS)
        wait_for("the backfill", lambda: dev.backfill_status(backfill) != "REQUESTED", SECONDS)
        assert dev.backfill_status(backfill) == "COMPLETED_SUCCESS"
    assert second["status"] == "SUCCESS"
    stored = {Path(name).name for name in tree(tmp_path / "storage")}
    assert {f"sales_{day}.avro" for day in days} <= stored


def test_a_run_of_the_command_line_that_is_killed_is_marked_and_one_that_lives_is_not_touched(
    settings: dict[str, str], api: SampleApi
) -> None:
    kept, killed = "2023-02-01", "2023-02-02"
    hold(api, kept, killed)
    with dagster_dev(settings) as dev:
        living = dev.launch(partition=kept)
        wait_for_status(dev, living, "STARTED")
        dev.query(
            "mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name)"
            " { __typename } }",
            name=LOCATION["repositoryLocationName"],
        )
        command = ["dagster", "asset", "materialize", "-m", "sales_assets.definitions"]
        with subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", *command, "--select", "raw_sales", "--partition", killed],
            cwd=PROJECT,
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            partition = {"key": "dagster/partition", "value": killed}
            [run] = wait_for(
                "the other run",
                lambda: [run for run in dev.runs(tags=[partition]) if run["status"] == "STARTED"],
                SECONDS,
            )
            process.send_signal(signal.SIGKILL)
        # The run that lives is looked for just as often until then.
        wait_for_status(dev, run["runId"], "FAILURE")
        [run] = dev.runs(runIds=[living])
        assert run["status"] == "STARTED"
        kill_session(dev.process)
