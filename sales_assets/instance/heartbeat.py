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

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.launcher import CheckRunHealthResult, RunLauncher, WorkerStatus
from dagster._core.storage.event_log import SqlEventLogStorage

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
    def _stops(self) -> dict[str, threading.Event]:
        """What stops the heartbeats of this process, by run."""
        return {}

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; start or stop the heartbeat of its run."""
        run_id = event.run_id
        if event.dagster_event_type == dg.DagsterEventType.RUN_START and self.has_instance:
            # So that a run has a heartbeat even if its process dies right after its start.
            beat(self._instance, run_id)
            stop = self._stops[run_id] = threading.Event()
            heart = threading.Thread(
                target=_beat_until, args=(stop, self._instance, run_id), daemon=True
            )
            heart.start()
        has_ended = event.dagster_event_type in _ENDS
        if has_ended and run_id in self._stops:
            # Without waiting for a database that may be down.
            self._stops.pop(run_id).set()
        super().store_event(event)
        if has_ended and self.has_instance:
            self._instance.run_storage.set_cursor_values({_key(run_id): ""})

    def dispose(self) -> None:
        """Stop the heartbeats of runs that could not store their last event."""
        for stop in self._stops.values():
            stop.set()
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


def beat(instance: dg.DagsterInstance, run_id: str) -> None:
    """Store a new heartbeat of a run."""
    instance.run_storage.set_cursor_values({_key(run_id): uuid.uuid4().hex})


def latest(instance: dg.DagsterInstance, run_id: str) -> str:
    """Return the latest heartbeat of a run; empty if there is none."""
    return instance.run_storage.get_cursor_values({_key(run_id)}).get(_key(run_id), "")


def _beat_until(stop: threading.Event, instance: dg.DagsterInstance, run_id: str) -> None:
    """Beat until stopped; once Dagster has ended the run, interrupt this process."""
    while not stop.wait(BEAT_SECONDS):
        try:
            run = instance.get_run_by_id(run_id)
            if run is not None and run.is_finished:
                break
            beat(instance, run_id)
        # Each database has its own errors for being down; it may come back.
        except Exception as error:
            _logger.warning("could not store the heartbeat of run %s: %s", run_id, error)
    if not stop.is_set():
        _logger.warning("interrupting run %s: Dagster has ended it", run_id)
        os.kill(os.getpid(), signal.SIGINT)


def _key(run_id: str) -> str:
    return f"sales_assets/heartbeat/{run_id}"
