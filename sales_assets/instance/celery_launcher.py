"""A run launcher that has workers execute the runs, on any machine, and knows which of them live.

Runs go through Celery (`dagster-celery`), each kind in a queue of its own, so that a run of the
schedule does not wait behind those of a backfill. Celery goes on calling a task started whose
worker was killed; this launcher asks the workers instead. Run monitoring does so at each of its
polls, fails the runs that no worker has, and run retries start them again.
"""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dagster import Field, StringSource
from dagster import _check as check
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClassData, pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from typing_extensions import Self

RUNS, BACKFILLS = "runs", "backfills"
"""The queues: of backfills, and of all other runs."""

DEFINITIONS = "sales_assets.definitions"
"""What each run needs, and takes seconds to import."""

PATIENCE = 2.0
"""Seconds that workers have to answer."""

LOOKS = 6
"""How often in a row a run is missed before it is dead: its worker may be busy or cut off for a
moment. With a poll each 5 s, that takes half a minute."""


class WorkersRunLauncher(CeleryRunLauncher):
    """Launches runs on Celery workers, and knows whether they live.

    A run that this launcher did not launch (command line, HTTP jobs) is left alone.
    """

    def __init__(self, broker: str, inst_data: ConfigurableClassData | None = None) -> None:
        """Use workers that listen to a broker.

        Args:
            broker: The address of Redis, which also keeps the states of tasks.
            inst_data: What Dagster makes it of.
        """
        super().__init__(
            default_queue=RUNS,
            broker=broker,
            backend=broker,
            # Before a worker forks, so that no run waits for it.
            include=[DEFINITIONS],
            config_source=_CELERY_SETTINGS,
            inst_data=inst_data,
        )
        self.celery.conf.task_queues = {
            name: {"exchange": name, "routing_key": f"{name}.execute_job"}
            for name in (RUNS, BACKFILLS)
        }
        self._missed: Counter[str] = Counter()
        self._active: frozenset[str] = frozenset()
        self._asked = float("-inf")

    @classmethod
    def config_type(cls) -> Any:
        """The broker is all there is to say."""
        return {"broker": Field(StringSource, description="The address of Redis.")}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it of what `dagster.yaml` says."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put a run into the queue of its kind."""
        run = context.dagster_run
        queue = BACKFILLS if BACKFILL_ID_TAG in run.tags else RUNS
        args = ExecuteRunArgs(
            job_origin=check.not_none(run.job_code_origin),
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        )
        # By its name: Dagster's own launch makes the task anew each time, which Celery warns of.
        task = self.celery.signature(
            TASK_EXECUTE_JOB_NAME,
            kwargs={"execute_job_args_packed": pack_value(args)},
            immutable=True,
        )
        self._launch_celery_task_run(
            run=run.with_tags({**run.tags, DAGSTER_CELERY_QUEUE_TAG: queue}),
            task_signature=task,
            routing_key=TASK_EXECUTE_JOB_NAME,
        )

    def terminate(self, run_id: str) -> bool:
        """Cancel a run, and kill its process if a worker has begun it; what it has stored stays."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        # Before the kill, which would be taken for that of a run to be started again.
        self._instance.report_run_canceled(run)
        return bool(super().terminate(run_id))

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Look for a run among those that workers have; it is dead once it was missed often."""
        task = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        try:
            lives = task is None or task in self._tasks()
        except (OperationalError, RedisError) as error:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"nobody can be asked: {error}")
        if lives:
            del self._missed[run.run_id]
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._missed[run.run_id] += 1
        if self._missed[run.run_id] < LOOKS:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "no worker has it, so far")
        del self._missed[run.run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "no worker that answers has it")

    def _tasks(self) -> frozenset[str]:
        """Ask all workers for what they are at, once for all runs of a poll."""
        if time.monotonic() - self._asked > PATIENCE:
            answers = self.celery.control.inspect(timeout=PATIENCE).active() or {}
            self._active = frozenset(task["id"] for tasks in answers.values() for task in tasks)
            self._asked = time.monotonic()
        return self._active


_CELERY_SETTINGS = {
    # A worker takes one run, and leaves the others to those who have time for them.
    "worker_concurrency": 1,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # Runs follow each other in one process, which saves its start, until it has grown to 1 GB.
    "worker_max_memory_per_child": 1_000_000,
    # What was taken by a worker that died before it began goes to another one.
    "broker_transport_options": {"visibility_timeout": 60},
    "broker_connection_retry_on_startup": True,
    # Redis may be restarted.
    "broker_connection_max_retries": None,
    "result_expires": 86400,
}
