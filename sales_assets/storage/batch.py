"""The days of one run: dealt with side by side, and each with an outcome of its own.

A failed day does not stop the others, unless the reason applies to all of them. What is done with a
day does not matter here.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import dagster as dg

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import EveryDayFailsError, UpstreamDayError
from sales_assets.storage.progress import Progress

T = TypeVar("T")

_SECONDS_TO_STOP = 5.0
_SECONDS_WITHOUT_AN_END = 0.025
"""When no day ends for so long, the processor has time for another one."""


class DayBatch:
    """Runs an action for each of some days.

    Attributes:
        stored: What the action returned, by day; also after a failure.
        failed: What it raised, by day.
    """

    def __init__(
        self,
        asset: str,
        days: Sequence[str],
        downstream: Sequence[str] = (),
        upstream: Sequence[str] = (),
    ) -> None:
        """Plan these days of an asset, given its downstream and upstream assets."""
        self.stored: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, Exception] = {}
        self._asset = asset
        self._days = days
        self._downstream = downstream
        self._upstream = upstream
        self._stop = threading.Event()

    def run(
        self, action: Callable[[str], dict[str, Any]], side_by_side: int, progress: Progress
    ) -> None:
        """Process all days, each in a thread.

        Args:
            action: Called for each day.
            side_by_side: Maximum number of concurrent days.
            progress: Notified of each day.

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
                progress.show(self.stored, len(self.failed))
        except BaseException:
            self._stop.set()
            end = time.monotonic() + _SECONDS_TO_STOP
            for thread in threads:
                thread.join(max(0.0, end - time.monotonic()))
            raise
        self._raise_failures()

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


class _StoppedError(Exception):
    """This day was not finished, because the run is stopping."""
