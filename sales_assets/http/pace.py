"""The pace at which an API is called: makes all requests of a client, a limited number at a time.

A few long-lived threads make the calls; callers wait for results as long as they choose. A call
without a result in time is abandoned together with its thread, which ends when the peer lets it: a
socket cannot be closed under a thread that reads from it. What is called does not matter here.
"""

import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.limit import Limit
from sales_assets.http.transport import Limits

T = TypeVar("T")

_LONGEST_WAIT = 3600
"""Longest single wait in seconds: a lock does not accept an infinite timeout."""


class Call(Generic[T]):
    """A call that a pace is going to make; errors name its address."""

    def __init__(self, function: Callable[[], T], address: str) -> None:
        self.function = function
        self.address = address
        self.future: concurrent.futures.Future[T] = concurrent.futures.Future()
        self.started = 0.0
        self.in_flight = self.level = 0


class Pace:
    """Makes calls in its threads, first come first served; safe to share between threads."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._interval = 1 / limits.max_per_second if limits.max_per_second else 0.0
        self._limit = Limit(limits.max_in_flight)
        self._changed = threading.Condition()
        self._queue: deque[Call[Any]] = deque()
        self._running: set[Call[Any]] = set()
        self._not_taken: set[Call[Any]] = set()
        self._threads = 0
        self._next_start = self._resume = 0.0
        self.closed = threading.Event()

    @property
    def pause(self) -> float:
        """Remaining seconds of the pause that the API asked for."""
        return max(0.0, self._resume - time.monotonic())

    def begin(self, function: Callable[[], T], address: str) -> Call[T]:
        """Queue a call."""
        call = Call(function, address)
        with self._changed:
            self._not_taken.add(call)
            self._queue.append(call)
            if self.closed.is_set():
                self._give_up(call, "the client was closed")
            self._staff()
            self._changed.notify()
        return call

    def begin_ahead(self, function: Callable[[], T], address: str, most: int) -> Call[T] | None:
        """Queue a call whose result nobody needs yet; return None if `most` results wait."""
        with self._changed:
            has_room = len(self._not_taken) < min(most, self._limits.max_in_flight)
            return self.begin(function, address) if has_room else None

    def result(self, call: Call[T], deadline: float) -> T:
        """Wait for the result of a call, until a deadline on the clock of `time.monotonic`.

        Raises TransientHttpError if none arrives in time, and HttpError if the pace is closed.
        """
        try:
            while not call.future.done():
                seconds = self._give_up_late(call, deadline)
                with suppress(concurrent.futures.TimeoutError):
                    call.future.exception(min(seconds, _LONGEST_WAIT))
            return call.future.result()
        finally:
            self.drop(call)

    def drop(self, call: Call[Any]) -> None:
        """Discard the result of a call, to make room for another one ahead."""
        with self._changed:
            self._not_taken.discard(call)
            if call in self._queue:
                self._queue.remove(call)

    def close(self) -> None:
        """Abandon all calls, and make no more."""
        with self._changed:
            self.closed.set()
            for call in [*self._running, *self._queue]:
                self._give_up(call, "the client was closed")
            self._changed.notify_all()

    def _staff(self) -> None:
        """Start a thread for a queued call, if the limit allows."""
        needed = min(self._limit.level, len(self._running) + len(self._queue))
        if self._threads < needed and not self.closed.is_set():
            self._threads += 1
            # A daemon: a call that hangs must not keep the process alive.
            threading.Thread(target=self._work, daemon=True, name="pace").start()

    def _work(self) -> None:
        while call := self._next():
            result = error = None
            try:
                result = call.function()
            except BaseException as raised:
                error = raised
            with self._changed:
                if call not in self._running:
                    # It was abandoned, and another thread has taken over.
                    return
                self._running.remove(call)
                self._learn(call, error)
                self._staff()
                if error is None:
                    call.future.set_result(result)
                else:
                    call.future.set_exception(error)
            # Large responses, which must not stay in memory while the next call is awaited.
            del call, result, error

    def _next(self) -> Call[Any] | None:
        """Wait for the next call; return None when this thread is no longer needed."""
        with self._changed:
            while self._threads <= self._limit.level and not self.closed.is_set():
                now = time.monotonic()
                start = max(self._next_start, self._resume)
                if self._queue and start <= now:
                    call = self._queue.popleft()
                    self._running.add(call)
                    self._next_start = now + self._interval
                    call.started = now
                    call.in_flight, call.level = len(self._running), self._limit.level
                    return call
                self._changed.wait(start - now if self._queue else None)
            self._threads -= 1
            # The notification may have been meant for another thread.
            self._changed.notify()
        return None

    def _learn(self, call: Call[Any], error: BaseException | None) -> None:
        now = time.monotonic()
        problem = error if isinstance(error, TransientHttpError) else None
        if problem and problem.retry_after:
            pause = min(problem.retry_after, self._limits.retry_after_cap)
            self._resume = max(self._resume, now + pause)
        # Calls that began together are refused together.
        if call.level != self._limit.level:
            return
        if problem and problem.slow_down:
            self._limit.refused()
        else:
            self._limit.went_well(now - call.started, call.in_flight)

    def _give_up_late(self, call: Call[Any], deadline: float) -> float:
        """Abandon overdue calls; return how many seconds to wait for the others."""
        with self._changed:
            now = time.monotonic()
            seconds = self._limits.request_timeout
            # Including other callers' calls, which may be what blocks this one.
            for late in [one for one in self._running if one.started + seconds <= now]:
                self._give_up(late, f"no complete response within {seconds:g} s")
            if deadline <= now and not call.future.done():
                began = "no complete response" if call in self._running else "not sent"
                self._give_up(call, f"{began} in time")
            first = min((one.started for one in self._running), default=now)
            return min(deadline, first + seconds) - now

    def _give_up(self, call: Call[Any], reason: str) -> None:
        if call in self._running:
            self._running.remove(call)
            self._threads -= 1
            if call.level == self._limit.level:
                self._limit.refused()
        else:
            self._queue.remove(call)
        kind = HttpError if self.closed.is_set() else TransientHttpError
        call.future.set_exception(kind(call.address, reason))
        self._staff()
