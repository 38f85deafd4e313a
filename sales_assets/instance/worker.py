"""What a worker runs: `celery --app sales_assets.instance.worker worker --queues runs,backfills`.

Its settings are those of the launcher in the `dagster.yaml` of its DAGSTER_HOME.
"""

from typing import Any

import dagster as dg
from celery.signals import worker_ready
from dagster_celery.tasks import create_execute_job_task

from sales_assets.instance.celery_launcher import LOOK_SECONDS, WorkersRunLauncher


def _launcher(instance: dg.DagsterInstance) -> WorkersRunLauncher:
    launcher = instance.run_launcher
    if not isinstance(launcher, WorkersRunLauncher):
        raise SystemExit(
            f"runs are launched by {type(launcher).__name__}, not by workers: set DAGSTER_HOME to "
            "a directory with the dagster.workers.yaml of `deploy/` as its dagster.yaml"
        )
    return launcher


try:
    _instance = dg.DagsterInstance.get()
    launcher = _launcher(_instance)
# Celery takes some errors of a module for a module without an app, and does not show them.
except Exception as error:
    raise SystemExit(f"the worker cannot open its instance (DAGSTER_HOME): {error}") from error

app = launcher.celery
execute_job = create_execute_job_task(app)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _look_for_lost_runs(sender: Any, **_: Any) -> None:
    sender.timer.call_repeatedly(LOOK_SECONDS, launcher.put_lost_runs_again)
