"""Heartbeats: they show whether a run is alive, and tell its process when Dagster has ended it.

While a run executes, its process writes a new value to the instance every few seconds. Run
monitoring sees whether it changes. No clocks, host names or process ids are compared, and no code
server or queue is trusted, so this works in containers and across machines. In return, the process
learns that Dagster has ended its run (canceled it, or marked it as failed), and interrupts itself.
"""

import functools
import logging
import os
import signal
import threading
import uuid
from typing import Any

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.launcher import CheckRunHealthResult, RunLauncher, WorkerStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import KeyValueStoreTable

BEAT_SECONDS = 3.0
"""The time between two heartbeats."""

LOOKS_UNTIL_DEAD = 5
"""A run is dead after this many looks in a row without a new heartbeat: its process may be busy or
cut off for a moment. At one look every 5 s, that takes half a minute."""

_ENDS = {
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}
_logger = logging.getLogger(__name__)


class BeatingEventLog(SqlEventLogStorage):
    """Mixed into an event log, it keeps a run's heartbeat going until the run ends."""

    @functools.cached_property
    def _beating(self) -> dict[str, "_Heartbeat"]:
        return {}

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; start or stop the heartbeat of its run."""
        if event.dagster_event_type == dg.DagsterEventType.RUN_START and self.has_instance:
            # So that a run has a heartbeat even if its process dies right after its start.
            beat(self._instance, event.run_id)
            self._beating[event.run_id] = _Heartbeat(self._instance, event.run_id)
            self._beating[event.run_id].start()
        if event.dagster_event_type not in _ENDS:
            super().store_event(event)
            return
        if heartbeat := self._beating.pop(event.run_id, None):
            heartbeat.stop()
        super().store_event(event)
        if self.has_instance:
            _forget(self._instance, event.run_id)

    def dispose(self) -> None:
        """Stop the heartbeats of runs that could not store their last event."""
        for heartbeat in self._beating.values():
            heartbeat.stop()
        super().dispose()


class WatchingLauncher(RunLauncher):
    """Mixed into a run launcher, it tells run monitoring which runs are dead.

    A run without any heartbeat is left alone: an older version may have started it.
    """

    @functools.cached_property
    def _seen(self) -> dict[str, tuple[str, int]]:
        """By run: its latest heartbeat, and how many looks found no newer one."""
        return {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Return true."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Report a run as dead after several looks in a row without a new heartbeat."""
        now = latest(self._instance, run.run_id)
        before, missed = self._seen.get(run.run_id, ("", 0))
        missed = missed + 1 if now and now == before else 0
        self._seen[run.run_id] = now, missed
        if missed == 0 or missed < self.looks(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "its process stopped sending heartbeats"
        )

    def looks(self, run: dg.DagsterRun) -> int:
        """Return the number of looks without a new heartbeat after which a run is dead."""
        return LOOKS_UNTIL_DEAD


class _Heartbeat(threading.Thread):
    """The heartbeat of a run in this process."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        super().__init__(name=f"heartbeat of {run_id}", daemon=True)
        self._instance = instance
        self._run_id = run_id
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until stopped, or until Dagster has ended the run."""
        while not self._stopped.wait(BEAT_SECONDS):
            try:
                if self._is_ended():
                    break
                beat(self._instance, self._run_id)
            # Each database has its own errors for being down; it may come back.
            except Exception as error:
                _logger.warning("could not store the heartbeat of run %s: %s", self._run_id, error)
        if not self._stopped.is_set():
            _logger.warning("interrupting run %s: Dagster has ended it", self._run_id)
            os.kill(os.getpid(), signal.SIGINT)

    def _is_ended(self) -> bool:
        run = self._instance.get_run_by_id(self._run_id)
        return run is not None and run.is_finished

    def stop(self) -> None:
        """Stop it, without waiting for a database that may be down."""
        self._stopped.set()


def beat(instance: dg.DagsterInstance, run_id: str) -> None:
    """Store a new heartbeat of a run."""
    instance.run_storage.set_cursor_values({_key(run_id): uuid.uuid4().hex})


def latest(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return the latest heartbeat of a run; empty if there is none."""
    return instance.run_storage.get_cursor_values({_key(run_id)}).get(_key(run_id), "")


def _forget(instance: dg.DagsterInstance, run_id: str) -> None:
    storage: Any = instance.run_storage
    with storage.connect() as connection:
        key = KeyValueStoreTable.c.key == _key(run_id)
        connection.execute(KeyValueStoreTable.delete().where(key))


def _key(run_id: str) -> str:
    return f"sales_assets/heartbeat/{run_id}"
