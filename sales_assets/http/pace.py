"""The pace at which an API is asked: how many requests at a time, found out by asking.

Each request takes a slot. After some answers the pace compares what it got at this level with what
it got at the one before, and goes on in the direction that paid off: up while answers keep their
speed, down when they slow. An answer 429 or 503, a timeout or a reset halves the level, and the
level that was too high is remembered and tried again much later. `Retry-After` pauses everybody.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_LEVEL = 8
_LEAST_ANSWERS = 16
_WORTH = 1 / 3
"""n times the requests in flight are worth it for n to this power times the answers."""
_BETTER = 1.03
_SLOWED = 0.75
_LONGEST_WAIT = 16
_FORGET_AFTER = 40
"""Measurements after which a level that was refused is tried again; doubles each time."""


class NoTurnError(Exception):
    """There was no slot before the deadline, or the pace was closed."""


class Slot:
    """One request in its slot.

    Attributes:
        in_flight: How many there were when it began, with itself.
        epoch: Since when the level was what it was then.
        started: When it began, on the clock of `time.monotonic`.
        refused: Whether the API was too busy for it; to be set by whoever holds the slot.
        retry_after: For how many seconds the API asked to be left alone; likewise.
    """

    def __init__(self, in_flight: int, epoch: int) -> None:
        """Begin now."""
        self.in_flight = in_flight
        self.epoch = epoch
        self.started = time.monotonic()
        self.refused = False
        self.retry_after: float | None = None


class Pace:
    """A gate for the requests of all threads.

    Attributes:
        ceiling: The highest level.
        level: Requests that are let through at a time, right now.
        pauses: How often the API asked to be left alone for a while, and was.
    """

    def __init__(
        self, ceiling: int, max_per_second: float | None = None, longest_pause: float = 120
    ) -> None:
        """Let nobody through yet.

        Args:
            ceiling: The highest level; at 1, requests are strictly one after the other.
            max_per_second: Requests that begin in a second; None for any number.
            longest_pause: Seconds beyond which the API's wish to be left alone is not followed.
        """
        self.ceiling = ceiling
        self.level = min(FIRST_LEVEL, ceiling)
        self.pauses = 0
        self._search = LevelSearch(self.level, ceiling)
        self._interval = 1 / max_per_second if max_per_second else 0.0
        self._longest_pause = longest_pause
        self._lock = threading.Lock()
        self._waiting: deque[threading.Condition] = deque()
        self._in_flight = 0
        self._next_start = self._resume = 0.0
        self._closed = False
        self._epoch = 0
        self._begin_epoch()

    @contextmanager
    def slot(self, deadline: float = float("inf")) -> Iterator[Slot]:
        """Wait for a turn, first come first served, and hold it for the length of a request.

        Args:
            deadline: On the clock of `time.monotonic`, for the wait.

        Raises:
            NoTurnError: It did not come.
        """
        slot = self._enter(deadline)
        broken_off = True
        try:
            yield slot
            broken_off = False
        finally:
            with self._lock:
                self._in_flight -= 1
                self._learn(slot, broken_off)
                self._wake()

    def close(self) -> None:
        """Let nobody through any more; whoever waits is told so."""
        with self._lock:
            self._closed = True
            for turn in self._waiting:
                turn.notify()

    def _enter(self, deadline: float) -> Slot:
        with self._lock:
            turn = threading.Condition(self._lock)
            self._waiting.append(turn)
            try:
                while not self._closed and (now := time.monotonic()) < deadline:
                    start = float("inf")
                    if self._waiting[0] is turn and self._in_flight < self.level:
                        start = max(self._next_start, self._resume)
                    if start <= now:
                        self._next_start = now + self._interval
                        self._in_flight += 1
                        return Slot(self._in_flight, self._epoch)
                    until = min(start, deadline)
                    turn.wait(None if until == float("inf") else until - now)
            finally:
                self._waiting.remove(turn)
                self._wake()
        raise NoTurnError("no turn before the deadline" if not self._closed else "closed")

    def _wake(self) -> None:
        """Have the first in line look again."""
        if self._waiting:
            self._waiting[0].notify()

    def _learn(self, slot: Slot, broken_off: bool) -> None:
        now = time.monotonic()
        if slot.retry_after:
            resume = now + min(slot.retry_after, self._longest_pause)
            # Those that were under way together are asked for one pause.
            self.pauses += self._resume <= now
            self._resume = max(self._resume, resume)
        if slot.epoch != self._epoch:
            return
        if slot.refused:
            self.level = self._search.refused(self.level)
            self._begin_epoch()
        elif not broken_off:
            self._answers += 1
            self._seconds += now - slot.started
            self._load += slot.in_flight
            if self._answers >= max(_LEAST_ANSWERS, 2 * self.level):
                self._end_epoch()

    def _begin_epoch(self) -> None:
        self._epoch += 1
        self._answers = self._load = 0
        self._seconds = 0.0

    def _end_epoch(self) -> None:
        load = self._load / self._answers
        # With little to ask for, there is nothing to learn about the level.
        if load >= 0.7 * self.level:
            # Little's law: as many answers a second as there are requests in flight per latency.
            rate = load * self._answers / max(self._seconds, 1e-9)
            self.level = self._search.measured(self.level, rate)
        self._begin_epoch()


class LevelSearch:
    """Which level to try next: a climb in the direction that pays off, in ever rarer trials."""

    def __init__(self, level: int, ceiling: int) -> None:
        """Begin at some level, of which nothing is known yet."""
        self._ceiling = ceiling
        self._best = level
        self._worth = 0.0
        self._direction = 1
        self._factor = 2.0
        self._wait = self._left = 0
        self._good = 0
        self._refused = ceiling + 1
        self._forget_after = _FORGET_AFTER
        self._measurements = 0

    def measured(self, level: int, rate: float) -> int:
        """Take how many answers a second a level gives, and say which level is next."""
        self._good = max(self._good, level)
        self._forget()
        worth = rate / level**_WORTH
        if level != self._best:
            if worth < _BETTER * self._worth:
                return self._turn_back()
            self._best, self._worth, self._wait = level, worth, 0
        else:
            if worth < _SLOWED * self._worth:
                # The API is not what it was: what was learnt before is of no use.
                self._worth, self._direction, self._left = worth, -1, 0
            self._worth = (self._worth + worth) / 2 if self._worth else worth
            if self._left:
                self._left -= 1
                return level
        level = self._next()
        return level if level != self._best else self._turn_back()

    def refused(self, level: int) -> int:
        """Halve the level, and stay below what was too much for a long time."""
        if self._refused <= level:
            self._forget_after *= 2
        self._refused = level
        self._good = min(self._good, level - 1)
        self._measurements = 0
        self._best = max(1, level // 2)
        self._worth = 0.0
        self._direction, self._wait, self._left = 1, 0, 0
        return self._best

    def _turn_back(self) -> int:
        self._direction = -self._direction
        self._factor = 1.5
        self._wait = self._left = min(_LONGEST_WAIT, 2 * self._wait + 1)
        return self._best

    def _forget(self) -> None:
        self._measurements += 1
        if self._measurements >= self._forget_after and self._refused <= self._ceiling:
            self._refused += 1
            self._measurements = 0
            self._direction, self._left = 1, 0

    def _next(self) -> int:
        if self._direction < 0:
            return max(1, min(self._best - 1, round(self._best / self._factor)))
        wished = max(self._best + 1, round(self._best * self._factor))
        if wished > self._good and self._refused <= self._ceiling:
            # Half of the way from what was good to what was refused.
            wished = max(self._best, (max(self._good, self._best) + self._refused) // 2)
        return min(self._ceiling, self._refused - 1, wished)
