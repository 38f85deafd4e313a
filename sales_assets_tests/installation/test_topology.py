"""A whole installation: its services as processes, with the configuration files of `deploy/`."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.rides_file import sql
from sales_assets_tests.helpers.rows import days_from
from sales_assets_tests.helpers.s3_server import BUCKET, running_s3
from sales_assets_tests.helpers.topology import Topology, running_topology

pytestmark = pytest.mark.topology

BASE = f"{BUCKET}/topology"
CHECKED = ("sample-api", "webserver", "daemon", "http-jobs")
"""The services with a health check."""
CALM = days_from("2023-01-01")
STORMY = days_from("2023-03-01")
SCHEDULED = "2023-05-01"
AWAY = days_from("2023-08-01")
# A page of each of its first two runs is held until the client gives it up, which takes 30 s.
FAULTS = [{"date": day, "page": 1, "delay": 60, "times": 1} for day in (STORMY[0], STORMY[10])]


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """The installation, which cuts a backfill into runs of ten days."""
    directory = tmp_path_factory.mktemp("topology")
    (directory / "faults.json").write_text(json.dumps(FAULTS))
    with (
        running_s3() as s3,
        running_topology(
            directory,
            SALES_DAYS_PER_RUN="10",
            BASE_DIR=f"s3://{BASE}",
            AWS_ENDPOINT_URL=f"http://127.0.0.1:{s3}",
            AWS_ACCESS_KEY_ID="testing",
            AWS_SECRET_ACCESS_KEY="testing",  # noqa: S106 - made up
            AWS_DEFAULT_REGION="us-east-1",
        ) as running,
    ):
        running.up("migrate")
        running.start("sample-api", "--faults", str(directory / "faults.json"))
        running.up("webserver", "daemon", "http-jobs", "pull-rides")
        for name in CHECKED:
            running.wait_healthy(name)
        yield running


def most_at_once(runs: list[dict[str, Any]]) -> int:
    """Tell how many runs were launched and had not ended at the same time."""
    spans: list[tuple[float, float]] = [
        (run["stats"]["launchTime"], run["stats"]["endTime"]) for run in runs
    ]
    return max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)


def stored(topology: Topology, days: list[str]) -> set[str]:
    objects = topology.objects()
    return {day for day in days if f"{BASE}/stg/sales/{day}/sales_{day}.avro" in objects}


def test_a_backfill_of_30_days_is_three_runs_of_which_two_go_at_a_time(topology: Topology) -> None:
    backfill = topology.backfill(CALM)
    topology.ui.wait_for_backfill(backfill)
    runs = topology.ui.runs_of(backfill)
    assert [run["status"] for run in runs] == ["SUCCESS"] * 3
    assert most_at_once(runs) == 2
    assert stored(topology, CALM) == set(CALM)
    for asset in ("raw_sales", "stg_sales"):
        assert topology.ui.materializations(asset, CALM) == CALM


class Storm(NamedTuple):
    """A backfill, its run whose process was killed, and a run of the schedule meanwhile: ids."""

    backfill: str
    killed: str
    scheduled: str


@pytest.fixture(scope="module")
def storm(topology: Topology) -> Storm:
    """A backfill that holds both of its slots, until a run and the daemon are killed."""
    backfill = topology.backfill(STORMY)

    def workers() -> dict[str, int]:
        ids = {run["runId"] for run in topology.ui.runs_of(backfill)}
        query = "SELECT run_id, event FROM event_logs WHERE dagster_event_type = 'STEP_START'"
        events = {run: json.loads(event) for run, event in sql(topology.database, query)}
        return {run: events[run]["dagster_event"]["pid"] for run in ids & events.keys()}

    wait_for("two runs", lambda: len(workers()) == 2, 90)
    scheduled = topology.ui.launch("sales", partition=SCHEDULED)
    topology.ui.ended(runIds=[scheduled])
    killed, process = next(iter(workers().items()))
    topology.kill("daemon")
    os.kill(process, signal.SIGKILL)
    # As `restart: unless-stopped` would.
    topology.start("daemon")
    topology.ui.wait_for_backfill(backfill)
    return Storm(backfill, killed, scheduled)


def test_the_run_of_the_schedule_does_not_wait_for_a_backfill(
    topology: Topology, storm: Storm
) -> None:
    [scheduled] = topology.ui.runs(runIds=[storm.scheduled])
    last = topology.ui.runs_of(storm.backfill)[2]
    assert scheduled["status"] == "SUCCESS"
    assert last["stats"]["enqueuedTime"] < scheduled["stats"]["enqueuedTime"]
    assert scheduled["stats"]["launchTime"] < last["stats"]["launchTime"]


def test_a_killed_run_is_started_again_by_a_daemon_that_was_killed_too(
    topology: Topology, storm: Storm
) -> None:
    runs = {run["runId"]: run for run in topology.ui.runs_of(storm.backfill)}
    [again] = [run for run in runs.values() if run["parentRunId"] == storm.killed]
    assert runs[storm.killed]["status"] == "FAILURE"
    assert again["status"] == "SUCCESS"
    assert stored(topology, STORMY) == set(STORMY)
    for asset in ("raw_sales", "stg_sales"):
        assert {*topology.ui.materializations(asset, STORMY)} == {*STORMY}
    assert most_at_once(list(runs.values())) == 2


def test_a_backfill_that_is_requested_while_the_code_location_is_away_succeeds(
    topology: Topology,
) -> None:
    topology.kill("code-location")
    backfill = topology.ui.backfill(AWAY)
    topology.start("code-location")
    topology.ui.wait_for_backfill(backfill)
    assert stored(topology, AWAY) == set(AWAY)


def test_the_ride_puller_keeps_its_database_on_the_volume(topology: Topology) -> None:
    database = topology.directory / "rides/rides.db"
    assert sql(database, "SELECT count(*) > 0 FROM rides") == [(1,)]


def test_what_runs_print_is_on_the_volume(topology: Topology) -> None:
    assert list((topology.directory / "compute_logs").rglob("*.err"))


def test_no_service_prints_a_secret(topology: Topology) -> None:
    for name in topology.processes:
        log = topology.log(name)
        assert not [secret for secret in topology.secrets.values() if secret in log], name
