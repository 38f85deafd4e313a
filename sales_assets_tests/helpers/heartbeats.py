"""Runs as run monitoring sees them."""

import dagster as dg
from dagster._core.launcher import WorkerStatus

from sales_assets.instance.heartbeat import latest
from sales_assets_tests.helpers.programs import wait_for


def is_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Look for a run as run monitoring does."""
    health = instance.run_launcher.check_run_worker_health(run)
    return health.status == WorkerStatus.RUNNING


def wait_for_a_beat(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Wait for a new heartbeat of a run."""
    before = latest(instance, run.run_id)
    wait_for("a heartbeat", lambda: latest(instance, run.run_id) != before)
