"""A run launcher that executes runs on workers, on any machine.

Runs wait in Redis, and Celery (`dagster-celery`) takes them to workers; `dagster.workers.yaml` in
`deploy/` configures both. Celery is trusted with nothing else: which runs are alive, and which have
been canceled, the runs and the instance tell each other (`heartbeat`), so that a run in progress
does not depend on Redis.
"""

import logging
from typing import Any

import dagster as dg
import redis
from dagster import _check as check
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import LaunchRunContext
from dagster._core.storage.tags import BACKFILL_ID_TAG
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from kombu.exceptions import OperationalError
from kombu.transport import redis as kombu_redis

from sales_assets.instance.heartbeat import WatchingLauncher

RUNS, BACKFILLS = "runs", "backfills"
"""The queues. Backfills have their own, so that a scheduled run does not wait behind them."""

LOOK_SECONDS = 30
"""How often a worker looks for runs that are no longer in any queue."""

_logger = logging.getLogger(__name__)


class WorkersRunLauncher(WatchingLauncher, CeleryRunLauncher):
    """Launches runs on Celery workers."""

    _missing: frozenset[str] = frozenset()

    def launch_run(self, context: LaunchRunContext) -> None:
        """Queue a run.

        Raises:
            DagsterUserCodeUnreachableError: Redis is down; Dagster's run queue tries again later.
        """
        run = context.dagster_run
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
                "could not queue the run: Redis is down or unreachable; check that the service "
                "`redis` is running (docker-compose ps redis)"
            ) from error

    def terminate(self, run_id: str) -> bool:
        """Cancel a run: its process interrupts itself, and a worker drops it if it still waits."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceled(run)
        return True

    def get_run_worker_debug_info(
        self, run: dg.DagsterRun, include_container_logs: bool | None = True
    ) -> str | None:
        """Return nothing: Celery keeps no state of its tasks here."""
        return None

    def queue_missing_runs(self) -> None:
        """Queue runs again that were in no queue on two calls in a row.

        Redis may have lost them, or a worker may have died between taking a run and starting it.
        Dagster ignores a run that is started twice.
        """
        filters = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING])
        starting = {run.run_id: run for run in self._instance.get_runs(filters)}
        with redis.Redis.from_url(str(self.broker), socket_timeout=10) as client:
            queued = client.lrange(RUNS, 0, -1) + client.lrange(BACKFILLS, 0, -1)
            waiting = b"\n".join(queued + client.hvals("unacked"))
            missing = {run_id for run_id in starting if run_id.encode() not in waiting}
            for run_id in missing & self._missing:
                # Only one of the workers does it.
                if client.set(f"put-again/{run_id}", "", nx=True, ex=2 * LOOK_SECONDS):
                    self.launch_run(LaunchRunContext(starting[run_id], None))
        self._missing = frozenset(missing)


class Channel(kombu_redis.Channel):
    """Celery's own channel, but a malformed message is dropped and does not end the worker."""

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            _logger.error("dropped a malformed message: %r", error)
            return True


class Transport(kombu_redis.Transport):
    """Celery's own transport, with the channel above."""

    Channel = Channel
