"""What a worker runs: `celery --app sales_assets.instance.worker worker --queues runs,backfills`.

Its settings are those of the launcher in the `dagster.yaml` of its DAGSTER_HOME.
"""

import dagster as dg
from dagster_celery.tasks import create_execute_job_task

from sales_assets.instance.celery_launcher import WorkersRunLauncher
from sales_assets.instance.errors import NoWorkersError


def _launcher() -> WorkersRunLauncher:
    with dg.DagsterInstance.get() as instance:
        launcher = instance.run_launcher
    if not isinstance(launcher, WorkersRunLauncher):
        raise NoWorkersError(
            f"runs are launched by {type(launcher).__name__}, not by workers: set DAGSTER_HOME to "
            "a directory with the dagster.workers.yaml of `deploy/` as its dagster.yaml"
        )
    return launcher


app = _launcher().celery
execute_job = create_execute_job_task(app)
