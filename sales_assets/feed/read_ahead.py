"""Calls made ahead of their use: several at a time, taken in order, never far too many.

One bound holds for everything that shares a `ReadAhead`: no more results than that lie ready,
beside the one that each sequence needs next. What is called, and how many calls at a time it bears,
does not matter here.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from multiprocessing.pool import AsyncResult, ThreadPool
from typing import TypeVar, cast

T = TypeVar("T")

_WORTH_A_THREAD = 0.002


class ReadAhead:
    """Threads that call ahead for any number of sequences."""

    def __init__(self, max_in_flight: int, worth_a_thread: float = _WORTH_A_THREAD) -> None:
        """Begin without any calls.

        Args:
            max_in_flight: How many calls may be under way or lie ready.
            worth_a_thread: Seconds that a call takes at least for others to be made beside it.
                Handing a quicker one to a thread takes longer than it saves.
        """
        # The threads of this pool are daemons: a call that hangs keeps no process from ending.
        self._pool = ThreadPool(max_in_flight)
        self._room = max_in_flight
        self._lock = threading.Lock()
        self._worth_a_thread = worth_a_thread
        self._is_quick = False

    def close(self) -> None:
        """Make no more calls."""
        self._pool.terminate()

    def call_all(self, function: Callable[[int], T], arguments: Sequence[int]) -> dict[int, T]:
        """Make some calls, at the same time where that is worth it."""
        if self._is_quick:
            return {number: function(number) for number in arguments}
        *others, mine = arguments
        results = [self._pool.apply_async(_guarded, (function, n)) for n in others]
        found = {mine: function(mine)}
        return found | {n: one.get() for n, one in zip(others, results, strict=True)}

    def in_order(
        self, call: Callable[[int], T], goes_on: Callable[[T], bool]
    ) -> Generator[T, None, None]:
        """Give `call(1)`, `call(2)` and so on, as long as they are taken.

        A sequence that has given n results is called up to n further ahead while there is room:
        most sequences are short, and calls past their end are in vain. What is needed at once is
        called in the thread that needs it.

        Args:
            call: Made in any thread; what it raises is raised here, in its turn.
            goes_on: Whether more results are likely after this one. If not, only the next is asked
                for.
        """
        ahead: deque[AsyncResult[T | None]] = deque()
        over = threading.Event()
        asked = taken = 0
        likely = True

        def call_unless_over(number: int) -> T | None:
            return None if over.is_set() else call(number)

        try:
            while True:
                needed = None
                if not ahead:
                    self._make_room(-1)
                    needed = asked = asked + 1
                wanted = 2 * taken if likely and not self._is_quick else 0
                while asked < wanted and self._has_room():
                    asked += 1
                    ahead.append(self._pool.apply_async(_guarded, (call_unless_over, asked)))
                try:
                    result = self._timed(call, needed) if needed else cast(T, ahead.popleft().get())
                finally:
                    self._make_room(1)
                taken += 1
                likely = goes_on(result)
                yield result
        finally:
            over.set()
            self._make_room(len(ahead))

    def _timed(self, call: Callable[[int], T], number: int) -> T:
        started = time.monotonic()
        result = call(number)
        self._is_quick = time.monotonic() - started < self._worth_a_thread
        return result

    def _has_room(self) -> bool:
        """Take a place if there is one."""
        with self._lock:
            if self._room <= 0:
                return False
            self._room -= 1
            return True

    def _make_room(self, calls: int) -> None:
        with self._lock:
            self._room += calls


def _guarded(function: Callable[[int], T], argument: int) -> T:
    try:
        return function(argument)
    except Exception:
        raise
    except BaseException as error:
        # A thread of the pool would die of it, and its result would never come.
        raise RuntimeError(repr(error)) from error
