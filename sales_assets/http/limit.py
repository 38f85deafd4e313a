"""How many concurrent requests an API handles well, found out while it is called."""

import time
from collections.abc import Callable

FIRST_LEVEL = 8
_FEW, _MANY = 3, 6
_SECONDS_TO_FORGET = 60


class Limit:
    """The `level` of concurrent calls, controlled by the rules of TCP, which has the same problem.

    After each round of calls that made use of it, the level changes by TCP Vegas, as in
    `VegasLimit` of Netflix's concurrency-limits (github.com/Netflix/concurrency-limits): of the
    calls in flight, `level * (1 - fastest / now)` wait in a queue of the API. With fewer than three
    the level grows, with more than six it shrinks. `fastest` is the fastest call ever, and `now`
    the fastest of the round: single calls may be slow for other reasons, but a queue delays all.

    A refusal resets the level to the highest one that has worked, or halves it if that one is
    refused (AIMD). As a refusal often costs a pause of seconds, the level then stays at what has
    worked for a minute.
    """

    def __init__(self, ceiling: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.level = self._good = self._first = min(FIRST_LEVEL, ceiling)
        self._ceiling = ceiling
        self._clock = clock
        self._grows_at = clock()
        self._fastest = float("inf")
        self._round: list[float] = []

    def went_well(self, seconds: float, in_flight: int) -> None:
        """Learn from a successful call: its duration, and the calls in flight when it began."""
        self._fastest = min(self._fastest, seconds)
        # Otherwise the level was not the limit.
        if 2 * in_flight >= self.level:
            self._round.append(seconds)
        if len(self._round) < self.level:
            return
        waiting = self.level * (1 - self._fastest / min(self._round))
        self._round.clear()
        if waiting > _MANY:
            self.level = self._good = max(min(self._first, self.level), self.level - 1)
        elif waiting < _FEW:
            self._good = max(self._good, self.level)
            most = self._ceiling if self._clock() >= self._grows_at else self._good
            self.level = min(self.level + 1, most)

    def refused(self) -> None:
        """Lower the level: the API cannot take this many calls."""
        if self.level > self._good:
            self.level = self._good
        else:
            self._good = max(1, self._good - 1)
            self.level = max(1, self.level // 2)
        self._grows_at = self._clock() + _SECONDS_TO_FORGET
        self._round.clear()
