"""Heartbeats, and what follows when they stop."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from sales_assets.instance import heartbeat
from sales_assets.instance.heartbeat import LOOKS_UNTIL_DEAD
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.heartbeats import is_alive, wait_for_a_beat
from sales_assets_tests.helpers.programs import Program

pytestmark = pytest.mark.slow

HANGING = """
import dagster as dg
from sales_assets.instance import heartbeat

heartbeat.BEAT_SECONDS = 0.05

@dg.asset
def hanging():
    print("hangs", flush=True)
    input()

with dg.DagsterInstance.get() as instance:
    dg.materialize([hanging], instance=instance, raise_on_error=False)
"""


@contextmanager
def hanging(shipped: dg.DagsterInstance, *before: str) -> Iterator[tuple[Program, dg.DagsterRun]]:
    """Run a program of a user's own, which is in the middle of its run."""
    home = shipped.root_directory
    with Program(
        [*before, sys.executable, "-c", HANGING],
        Path(home) / "log",
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": home},
        stdin=subprocess.PIPE,
    ) as process:
        process.wait_until(lambda: "hangs" in process.log.read_text())
        [run] = shipped.get_runs()
        yield process, run


UNSHARE = ("unshare", "--pid", "--fork", "--kill-child")
CAN_UNSHARE = shutil.which("unshare") and os.geteuid() == 0


@pytest.mark.parametrize(
    "before",
    [
        (),
        pytest.param(
            UNSHARE, marks=pytest.mark.skipif(not CAN_UNSHARE, reason="needs root, and unshare")
        ),
    ],
    ids=["here", "in a PID namespace of its own"],
)
def test_a_run_is_alive_as_long_as_it_beats_wherever_it_is(
    shipped: dg.DagsterInstance, before: tuple[str, ...]
) -> None:
    with hanging(shipped, *before) as (process, run):
        for _ in range(2 * LOOKS_UNTIL_DEAD):
            wait_for_a_beat(shipped, run)
            assert is_alive(shipped, run)
        process.kill()
    # The last heartbeat may be one that nobody has seen yet.
    alive = [is_alive(shipped, run) for _ in range(LOOKS_UNTIL_DEAD + 1)]
    assert alive[: LOOKS_UNTIL_DEAD - 1] == [True] * (LOOKS_UNTIL_DEAD - 1)
    assert not alive[-1]


def test_a_dead_run_is_marked_as_failed_within_half_a_minute(
    shipped: dg.DagsterInstance,
) -> None:
    assert shipped.run_monitoring_enabled
    assert shipped.run_launcher.supports_check_run_worker_health
    assert shipped.run_monitoring_poll_interval_seconds * (LOOKS_UNTIL_DEAD + 1) <= 30
    assert (
        shipped.run_monitoring_poll_interval_seconds * LOOKS_UNTIL_DEAD > heartbeat.BEAT_SECONDS * 3
    )


def test_a_run_that_never_beat_is_left_alone(shipped: dg.DagsterInstance) -> None:
    run: dg.DagsterRun = create_run_for_test(shipped, status=dg.DagsterRunStatus.STARTED)
    assert all(is_alive(shipped, run) for _ in range(2 * LOOKS_UNTIL_DEAD))


@pytest.mark.parametrize("ended", [dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE])
def test_a_run_that_dagster_has_ended_interrupts_itself(
    shipped: dg.DagsterInstance, ended: dg.DagsterRunStatus
) -> None:
    with hanging(shipped) as (process, run):
        if ended == dg.DagsterRunStatus.CANCELED:
            shipped.report_run_canceled(run)
        else:
            shipped.report_run_failed(run)
        process.wait(60)
    [run] = shipped.get_runs()
    assert run.status == ended


def test_a_run_goes_on_beating_once_its_database_is_back(shipped: dg.DagsterInstance) -> None:
    database = Path(shipped.root_directory) / "history/runs.db"
    with hanging(shipped) as (process, run):
        database.rename(f"{database}.away")
        process.wait_until(lambda: "could not store the heartbeat" in process.log.read_text())
        Path(f"{database}.away").rename(database)
        wait_for_a_beat(shipped, run)


def test_a_run_beats_until_it_ends_and_leaves_nothing(
    either: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.05)

    @dg.asset
    def beating(context: dg.AssetExecutionContext) -> None:
        wait_for_a_beat(either, context.run)
        wait_for_a_beat(either, context.run)

    result = dg.materialize([beating], instance=either)
    assert result.success
    assert heartbeat.latest(either, result.run_id) == ""
