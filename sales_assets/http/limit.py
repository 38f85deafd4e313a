"""How many concurrent requests an API handles well, found out while it is called.

The rules are those of TCP, which has the same problem. This module makes no requests.
"""

import time
from collections.abc import Callable

FIRST_LEVEL = 8
_ROUND = 16
"""The minimum number of calls to learn from."""
_LITTLE, _MUCH = 3, 6
_SECONDS_TO_FORGET = 60
_BUSY = 0.8
"""CPU seconds per second beyond which one more thread only slows down the others."""
_SECONDS_TO_AVERAGE = 1.0
_SECONDS_TO_TELL = 0.05


class Limit:
    """The number of concurrent calls, controlled by the rules of TCP.

    The level grows by a quarter with each round of calls that it limited (slow start, RFC 5681), as
    long as they do not slow down. This is the rule of TCP Vegas, as in `VegasLimit` of Netflix's
    concurrency-limits (github.com/Netflix/concurrency-limits): of the calls in flight,
    `level * (1 - fastest / now)` wait in a queue of the API. With three queued calls the level
    stays, with more than six it shrinks. As in Linux, `fastest` is the fastest call ever, and `now`
    the fastest of the round: single calls may be slow for other reasons, but a queue delays them
    all. A refusal resets the level to the last one that worked, or halves it if that is refused
    (AIMD). As a refusal often costs a pause of seconds, the level then stays for a minute. It does
    not grow while this process keeps the CPU busy.

    Args:
        ceiling: The highest level.
        clock: Returns the time in seconds.
        has_idle_time: Returns whether the CPU could handle more calls.

    Attributes:
        level: The current limit of concurrent calls.
    """

    def __init__(
        self,
        ceiling: int,
        clock: Callable[[], float] = time.monotonic,
        has_idle_time: Callable[[], bool] | None = None,
    ) -> None:
        self.level = self._good = min(FIRST_LEVEL, ceiling)
        self._first = self.level
        self._ceiling = ceiling
        self._clock = clock
        self._has_idle_time = has_idle_time or Idle()
        self._grows_at = clock()
        self._fastest = self._now = float("inf")
        self._calls = 0

    def went_well(self, seconds: float, in_flight: int) -> None:
        """Learn from a successful call: its duration, and the calls in flight when it began."""
        self._fastest = min(self._fastest, seconds)
        if in_flight <= 0.7 * self.level:
            # The level was not the limit.
            return
        self._calls += 1
        self._now = min(self._now, seconds)
        if self._calls < max(_ROUND, self.level):
            return
        waiting = self.level * (1 - self._fastest / self._now)
        if waiting > _MUCH:
            self.level = self._good = max(min(self._first, self.level), self.level - 1)
        elif waiting < _LITTLE:
            self._good = max(self._good, self.level)
            if self._has_idle_time():
                self._grow()
        self._begin_round()

    def refused(self) -> None:
        """Lower the level: the API cannot take this many calls."""
        if self.level > self._good:
            self.level = self._good
        else:
            self._good = max(1, self._good - 1)
            self.level = max(1, self.level // 2)
        self._grows_at = self._clock() + _SECONDS_TO_FORGET
        self._begin_round()

    def _grow(self) -> None:
        more = self.level + max(1, self.level // 4)
        most = self._ceiling if self._clock() >= self._grows_at else self._good
        self.level = min(more, most)

    def _begin_round(self) -> None:
        self._calls = 0
        self._now = float("inf")


class Idle:
    """Whether the CPU has had idle time: since it last had, or in the last second.

    Args:
        clock: Returns the time in seconds.
        cpu: Returns the seconds of CPU time that this process has taken.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._since = clock(), cpu()

    def __call__(self) -> bool:
        """Return whether it has."""
        now = self._clock(), self._cpu()
        elapsed, busy = (a - b for a, b in zip(now, self._since, strict=True))
        is_idle = elapsed >= _SECONDS_TO_TELL and busy < _BUSY * elapsed
        if is_idle or elapsed > _SECONDS_TO_AVERAGE:
            self._since = now
        return is_idle
