"""What a worker runs: `celery --app sales_assets.instance.worker worker --queues runs,backfills`.

Its settings are those of the run launcher in the `dagster.yaml` of its DAGSTER_HOME.
"""

from typing import Any

import dagster as dg
import redis
from celery.signals import worker_ready
from dagster_celery.tasks import create_execute_job_task

from sales_assets.instance.celery_launcher import LOOK_SECONDS, WorkersRunLauncher

try:
    _instance = dg.DagsterInstance.get()
    launcher = _instance.run_launcher
    if not isinstance(launcher, WorkersRunLauncher):
        raise SystemExit(
            f"the run launcher is {type(launcher).__name__}, which uses no workers: set "
            "DAGSTER_HOME to a directory with `deploy/dagster.workers.yaml` as its dagster.yaml"
        )
    redis.Redis.from_url(str(launcher.broker))
    app = launcher.celery
    queue_missing_runs = launcher.queue_missing_runs
# Celery reports some errors of a module as a missing app, and hides what they say.
except Exception as error:
    raise SystemExit(
        "the worker could not open its Dagster instance (DAGSTER_HOME, DAGSTER_CELERY_BROKER): "
        f"{error}"
    ) from error

execute_job = create_execute_job_task(app)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _look_for_missing_runs(sender: Any, **_: Any) -> None:
    sender.timer.call_repeatedly(LOOK_SECONDS, queue_missing_runs)
