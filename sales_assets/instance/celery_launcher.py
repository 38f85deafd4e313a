"""A run launcher that has workers execute the runs, on any machine.

Runs wait in Redis, and Celery (`dagster-celery`) takes them to workers. Each kind has a queue of
its own, so that a run of the schedule does not wait behind those of a backfill. That is all Celery
is relied on for: which runs are alive and which were canceled, the runs and the instance tell each
other (`heartbeat`), so that a run under way does not depend on Redis.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import redis
from dagster import _check as check
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClassData, pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from kombu.exceptions import OperationalError
from typing_extensions import Self

from sales_assets.instance.heartbeat import WatchingLauncher

RUNS, BACKFILLS = "runs", "backfills"
"""The queues: of backfills, and of all other runs."""

LOOK_SECONDS = 30
"""Between two looks of a worker for runs that are in no queue any more."""


class WorkersRunLauncher(WatchingLauncher, CeleryRunLauncher):
    """Launches runs on Celery workers."""

    def __init__(
        self,
        broker: str,
        preload: Sequence[str] = (),
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        """Use workers that listen to a broker.

        Args:
            broker: The address of Redis.
            preload: Modules that runs need and that take seconds to import.
            inst_data: What Dagster makes it of.

        Raises:
            DagsterInvalidDefinitionError: The broker is not Redis.
        """
        if not broker.startswith(("redis://", "rediss://")):
            raise dg.DagsterInvalidDefinitionError(
                "the broker of the run launcher (DAGSTER_CELERY_BROKER) is not an address of Redis "
                "(redis://:PASSWORD@HOST:6379/0)"
            )
        super().__init__(
            default_queue=RUNS,
            broker=broker,
            # Before a worker forks, so that no run waits for it.
            include=list(preload),
            config_source=_CELERY_SETTINGS,
            inst_data=inst_data,
        )
        self.celery.conf.task_queues = {RUNS: {}, BACKFILLS: {}}
        self._lost: set[str] = set()

    @classmethod
    def config_type(cls) -> Any:
        """Tell Dagster what may be configured."""
        return {
            "broker": dg.Field(dg.StringSource, description="The address of Redis."),
            "preload": dg.Field(
                [str],
                is_required=False,
                description="Modules that runs need, for workers to import before the first run.",
            ),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it from its part of `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Put a run into the queue of its kind."""
        self._put(context.dagster_run)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run: its process interrupts itself; a worker that takes it later drops it."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceled(run)
        return True

    def get_run_worker_debug_info(
        self, run: dg.DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        """Celery is not asked for states of tasks, which it does not keep here."""
        return None

    def put_lost_runs_again(self) -> None:
        """Put runs again that should wait in a queue, but were in none at two looks in a row.

        Redis may have lost them, and so may a worker that died after taking a run and before the
        run had started. Dagster ignores a run that is started twice.
        """
        filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])
        starting = {run.run_id: run for run in self._instance.get_runs(filters)}
        with redis.Redis.from_url(check.not_none(self.broker), socket_timeout=10) as client:
            queued = client.lrange(RUNS, 0, -1) + client.lrange(BACKFILLS, 0, -1)
            waiting = b"\n".join(queued + client.hvals("unacked"))
            lost = {run_id for run_id in starting if run_id.encode() not in waiting}
            for run_id in lost & self._lost:
                # One worker of them all does it.
                if client.set(f"put-again/{run_id}", "", nx=True, ex=2 * LOOK_SECONDS):
                    self._put(starting[run_id])
        self._lost = lost

    def _put(self, run: dg.DagsterRun) -> None:
        """Put a run into its queue.

        Raises:
            DagsterUserCodeUnreachableError: Redis is away; the run queue then tries again later.
        """
        args = ExecuteRunArgs(
            job_origin=check.not_none(run.job_code_origin),
            run_id=run.run_id,
            instance_ref=self._instance.get_ref(),
            set_exit_code_on_failure=True,
        )
        try:
            self.celery.send_task(
                TASK_EXECUTE_JOB_NAME,
                kwargs={"execute_job_args_packed": pack_value(args)},
                task_id=run.run_id,
                queue=BACKFILLS if BACKFILL_ID_TAG in run.tags else RUNS,
            )
        except (OperationalError, redis.RedisError) as error:
            raise DagsterUserCodeUnreachableError(
                "Redis, which takes runs to workers, is away: is the service `redis` running?"
            ) from error


_CELERY_SETTINGS = {
    # A worker takes one run, and leaves the others to those who have time for them.
    "worker_concurrency": 1,
    "worker_prefetch_multiplier": 1,
    "worker_disable_prefetch": True,
    # Runs follow each other in one process, which saves its start, until it has grown to 1 GB.
    "worker_max_memory_per_child": 1_000_000,
    "broker_transport": "sales_assets.instance.celery_transport:Transport",
    "broker_transport_options": {
        # What was taken by a worker that died before it began goes to another one.
        "visibility_timeout": 60,
        # Whoever launches a run hears soon that Redis is away.
        "socket_connect_timeout": 5,
        "socket_timeout": 15,
        "max_retries": 1,
    },
    "task_publish_retry": False,
    # A worker waits for Redis, however long that is away.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
}
