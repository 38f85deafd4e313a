"""The days of one run: dealt with side by side, and each with an outcome of its own.

A failed day does not stop the others, unless the reason applies to all of them.
"""

import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import EveryDayFailsError, UpstreamDayError
from sales_assets.storage.changes import FIRST, UNCHANGED

T = TypeVar("T")

_SECONDS_TO_STOP = 5.0
_SECONDS_BETWEEN_LINES = 5.0
_LONG_RANGE = 30
_SECONDS_WITHOUT_AN_END = 0.025
"""When no day ends for so long, the processor has time for another one."""
SECONDS_BETWEEN_LOOKS = 1.0
"""At a run's status: querying the instance takes longer than storing a small day."""


class GivenUpRunError(EveryDayFailsError):
    """Dagster has ended the run, but its process is still running."""


class RunGuard:
    """Whether a run of this process still counts; safe to share between threads.

    A run whose worker is cut off for a while is considered dead and restarted elsewhere. When the
    worker is back, it continues alongside its successor, without noticing it.
    """

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        self._instance = instance
        self._run_id = run_id
        self._asked = float("-inf")

    def require(self, recent: bool = False) -> None:
        """Require that Dagster has not ended the run, by now or as of a `recent` look.

        Raises:
            GivenUpRunError: It has.
        """
        asked = time.monotonic()
        if recent and asked - self._asked < SECONDS_BETWEEN_LOOKS:
            return
        run = self._instance.get_run_by_id(self._run_id)
        if run and run.is_finished:
            raise GivenUpRunError(
                f"Dagster has already marked run {self._run_id} as {run.status.value}: it stores "
                "and records nothing more; look at the run that replaced it"
            )
        self._asked = asked


class DayBatch:
    """Runs an action for each day: `stored` has its metadata, `failed` what it raised."""

    def __init__(
        self,
        asset: str,
        days: Sequence[str],
        log: logging.Logger,
        downstream: Sequence[str] = (),
        upstream: Sequence[str] = (),
    ) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, Exception] = {}
        self._asset = asset
        self._days = days
        self._log = log
        self._downstream = downstream
        self._upstream = upstream
        self._stop = threading.Event()
        self._started = self._last_line = time.monotonic()

    def run(self, action: Callable[[str], dict[str, Any]], side_by_side: int) -> None:
        """Process all days, at most so many `side_by_side`, each in a thread.

        Raises:
            FailedDaysError: Days of a range failed. A single day raises its own error.
        """
        left = deque(self._days)
        done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            # Another thread may take the last day in the meantime.
            with suppress(IndexError):
                while left:
                    done.put(self._attempt(action, left.popleft()))

        threads: list[threading.Thread] = []

        def begin_another() -> None:
            # A daemon: a day that hangs must not keep a stopped run from ending.
            threads.append(threading.Thread(target=work, daemon=True))
            threads[-1].start()

        waiting = len(self._days)
        try:
            begin_another()
            while waiting:
                try:
                    broken = done.get(timeout=_SECONDS_WITHOUT_AN_END)
                except queue.Empty:
                    if left and len(threads) < side_by_side:
                        begin_another()
                else:
                    waiting -= 1
                    if broken:
                        raise broken
                self.log_progress()
        except BaseException:
            self._stop.set()
            end = time.monotonic() + _SECONDS_TO_STOP
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            raise
        self._raise_failures()

    def log_progress(self) -> None:
        """Log how many days of a range are stored and have failed, every few seconds."""
        now = time.monotonic()
        if len(self._days) > 1 and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            failures = f" {len(self.failed)} failed," if self.failed else ""
            self._log.info(
                f"{self._asset}: {len(self.stored)} of {len(self._days)} days stored,{failures} "
                f"{self._rows():,} rows, {now - self._started:.0f} s so far"
            )

    def log_result(self) -> None:
        """Log the path of a single day, or how many days of a range changed."""
        if len(self._days) == 1:
            [(day, metadata)] = self.stored.items()
            self._log.info(
                f"{self._asset} {day}: {self._rows():,} rows, "
                f"{metadata['change']}, in {metadata['path'].value}"
            )
            return
        names = {FIRST: "new", UNCHANGED: "unchanged"}
        kinds = Counter(names.get(one["change"], "changed") for one in self.stored.values())
        self._log.info(
            f"{self._asset}: {len(self.stored)} days stored "
            f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}), "
            f"{self._rows():,} rows, {time.monotonic() - self._started:.1f} s"
        )

    def to_run_after(self, errors: Iterable[Exception]) -> list[str]:
        """List the assets to materialize after these errors, without those downstream."""
        first = self._upstream if any(isinstance(e, UpstreamDayError) for e in errors) else ()
        return [*first, self._asset]

    def until_stopped(self, items: Iterable[T]) -> Iterator[T]:
        """Pass items on to an action until the run is stopped."""
        for item in items:
            if self._stop.is_set():
                raise _StoppedError
            yield item

    def _attempt(self, action: Callable[[str], dict[str, Any]], day: str) -> BaseException | None:
        """Process a day; return what stops the whole run."""
        if self._stop.is_set():
            return None
        try:
            self.stored[day] = action(day)
        except _StoppedError:
            return None
        except Exception as error:
            self.failed[day] = error
            if isinstance(error, EveryDayFailsError):
                self._stop.set()
        except BaseException as error:
            self._stop.set()
            return error
        return None

    def _rows(self) -> int:
        return sum(metadata.get("dagster/row_count", 0) for metadata in [*self.stored.values()])

    def _raise_failures(self) -> None:
        errors = [*self.failed.values()]
        if not errors:
            return
        # The stack trace of our own errors adds nothing to their text.
        foreign = next((error for error in errors if not isinstance(error, dg.Failure)), None)
        if len(self._days) == 1:
            raise foreign or errors[0].with_traceback(None)
        raise FailedDaysError(
            self._asset,
            self.failed,
            [day for day in self._days if day not in self.stored and day not in self.failed],
            [*self.stored],
            self.to_run_after(errors),
            self._downstream,
        ) from foreign


def advise_on_events(
    log: logging.Logger, instance: dg.DagsterInstance, days: Sequence[str]
) -> None:
    """Say what speeds up a long range in a Dagster home that stores events one by one."""
    if len(days) >= _LONG_RANGE and type(instance.event_log_storage) is SqliteEventLogStorage:
        log.info(
            "this Dagster home stores events one by one, so a long range takes several times as "
            "long. To store them in batches, add to its dagster.yaml:\n"
            "event_log_storage:\n"
            "  module: sales_assets.instance.event_log\n"
            "  class: BatchedSqliteEventLogStorage"
        )


class _StoppedError(Exception):
    """This day was not finished, because the run is stopping."""
