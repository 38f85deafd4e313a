"""A run launcher that finds out which of its runs are dead.

Dagster's own says nothing of them: a run whose code server died with it, or that nobody watches
(command line, HTTP jobs), counts as started for ever, and its backfill waits. Run monitoring asks
this one at each of its polls, fails what it reports, and run retries start it again.
"""

import os
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import grpc
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import ConfigurableClassData, deserialize_value

from sales_assets.instance.process import RunProcess

BACKFILLS_WAIT_VARIABLE = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
"""Set, it has a backfill wait for a code location that is away; else it fails for good."""

PATIENCE = 5
"""Seconds that a code server has to answer; one that takes longer is slow, not gone."""

LOOKS = 3
"""How often in a row a run is missed before it is dead: it may just be ending."""

LOOKS_AT_NO_SOCKET = 16
"""The same while its code server is gone, and with it the socket that it had for itself. Dagster
does not start a run again that fails before its daemon has the code location back, for which that
looks once a minute: this takes longer, with a poll each 5 s."""

LOOKS_AT_NO_SERVER = 120
"""The same while nobody answers at the address of its code server, where another one will."""


class _Missed(NamedTuple):
    """A run that was looked for and not found."""

    reason: str
    looks: int


class WatchfulRunLauncher(DefaultRunLauncher):
    """Dagster's default run launcher, which also knows whether its runs live.

    A run lives while its process does, as far as that was recorded and is on this machine, or while
    its code server knows it. A run with neither is left alone: it may live on another machine.

    Opening it also has the backfills of this process wait for a code location that is away.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        """Have missed no run yet."""
        # Dagster reads it itself.
        os.environ.setdefault(BACKFILLS_WAIT_VARIABLE, "1")  # noqa: TID251
        super().__init__(inst_data)
        self._missed: Counter[str] = Counter()

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Look for a run; it is dead once it was missed several times in a row."""
        missed = self._look_for(run)
        if missed is None:
            del self._missed[run.run_id]
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._missed[run.run_id] += 1
        if self._missed[run.run_id] < missed.looks:
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"{missed.reason}, so far")
        del self._missed[run.run_id]
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, missed.reason)

    def _look_for(self, run: DagsterRun) -> _Missed | None:
        process = RunProcess.recorded(run.tags)
        if process and not process.is_here():
            process = None
        if process and process.is_running():
            return None
        client = self._server_of(run)
        if client is None:
            return _Missed(f"its process {process.pid} is gone", LOOKS) if process else None
        try:
            known = _knows(client, run.run_id)
        except DagsterUserCodeUnreachableError as error:
            if not _is_gone(error):
                return None
            looks = LOOKS_AT_NO_SOCKET if client.socket else LOOKS_AT_NO_SERVER
            return _Missed(f"its code server at {_address(client)} is gone", looks)
        # A code server that is reloaded hands its socket on to the next one, and lives on for its
        # runs. Only their processes tell whether they do.
        if known or (process is None and client.socket):
            return None
        return _Missed(f"the code server at {_address(client)} does not know it", LOOKS)

    def _server_of(self, run: DagsterRun) -> DagsterGrpcClient | None:
        find: Callable[[str], DagsterGrpcClient | None] = self._get_grpc_client_for_termination
        return find(run.run_id)


def _knows(client: DagsterGrpcClient, run_id: str) -> bool:
    answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), PATIENCE)
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _is_gone(error: DagsterUserCodeUnreachableError) -> bool:
    cause = error.__cause__
    # The types of grpc do not say that an error of a call is a call, too.
    return isinstance(cause, grpc.Call) and cause.code() == grpc.StatusCode.UNAVAILABLE


def _address(client: DagsterGrpcClient) -> str:
    return client.socket or f"{client.host}:{client.port}"
