"""`dagster dev`, its code location and its runs, killed or reloaded while they work."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sales_assets.sample.api import SampleApi
from sales_assets.sample.faults import Fault, Faults
from sales_assets_tests.helpers.dagster_dev import dagster_dev, settings_of
from sales_assets_tests.helpers.dagster_ui import LOCATION, SECONDS, DagsterUi
from sales_assets_tests.helpers.days import days_from
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.topology


@pytest.fixture
def sample() -> Iterator[SampleApi]:
    """The API of all runs here."""
    with SampleApi() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, sample: SampleApi) -> dict[str, str]:
    """The environment of every process here."""
    return settings_of(tmp_path, sample)


def hold(sample: SampleApi, *days: str, times: int | None = None) -> None:
    """Have the API hold back the first page of days, each time or so many times."""
    fault = {"page": 1, "delay": 600, "times": times}
    sample.faults = Faults([Fault.model_validate({"date": day, **fault}) for day in days])


def wait_for_status(ui: DagsterUi, status: str, **filters: Any) -> str:
    """Wait for a run that stands so; give its id."""

    def found() -> list[str]:
        return [run["runId"] for run in ui.runs(**filters) if run["status"] == status]

    return wait_for(f"a run to be {status}", found, SECONDS)[0]


def test_a_backfill_survives_the_end_of_dagster_dev_with_all_its_processes(
    settings: dict[str, str], sample: SampleApi, tmp_path: Path
) -> None:
    days = days_from("2023-01-01")
    hold(sample, days[20], times=1)
    with dagster_dev(settings) as dev:
        backfill = dev.backfill(days)
        of_it = [{"key": "dagster/backfill", "value": backfill}]
        first = wait_for_status(dev, "STARTED", tags=of_it)
        dev.process.kill()
    with dagster_dev(settings) as dev:
        wait_for_status(dev, "FAILURE", runIds=[first])
        [second] = dev.ended(tags=[{"key": "dagster/parent_run_id", "value": first}])
        dev.wait_for_backfill(backfill)
    assert second["status"] == "SUCCESS"
    assert all((tmp_path / f"storage/stg/sales/{day}/sales_{day}.avro").exists() for day in days)


def test_a_run_of_the_command_line_that_is_killed_is_marked_and_one_that_lives_is_not_touched(
    settings: dict[str, str], sample: SampleApi
) -> None:
    kept, killed = "2023-02-01", "2023-02-02"
    hold(sample, kept, killed)
    with dagster_dev(settings) as dev:
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
            partition = [{"key": "dagster/partition", "value": killed}]
            run_id = wait_for_status(dev, "STARTED", tags=partition)
        # The run that lives is looked for just as often until then.
        wait_for_status(dev, "FAILURE", runIds=[run_id])
        [run] = dev.runs(runIds=[living])
        assert run["status"] == "STARTED"
