"""How many requests at a time an API takes: found out while it is called.

The rules are those of TCP, which has the same question. Who makes the requests is not known here.
"""

import time
from collections.abc import Callable

FIRST_LEVEL = 8
_ROUND = 16
"""Calls at least from which something is learnt."""
_LITTLE, _MUCH = 3, 6
_SECONDS_TO_FORGET = 60


class Limit:
    """How many calls at a time are right, by the rules of TCP.

    It grows by a quarter with each round of calls that it held back (slow start, RFC 5681) as long
    as they keep their speed. That is the rule of TCP Vegas, as in `VegasLimit` of Netflix's
    concurrency-limits (github.com/Netflix/concurrency-limits): of the calls under way,
    `level * (1 - fastest / now)` wait in a queue of the API. With three of them the level stays,
    with more than six it shrinks. As in Linux, `fastest` is the fastest call ever, and `now` the
    fastest of the round: some calls are slow for reasons of their own, but a queue delays them all.
    A refusal takes the level back to what went well before, or halves it if just that is refused
    now (AIMD). As a refusal often costs a pause of seconds, more is not tried again for a minute.

    Args:
        ceiling: The highest level.
        clock: Tells the time, in seconds.

    Attributes:
        level: How many calls at a time are right now.
    """

    def __init__(self, ceiling: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.level = self._good = min(FIRST_LEVEL, ceiling)
        self._first = self.level
        self._ceiling = ceiling
        self._clock = clock
        self._grows_at = clock()
        self._fastest = self._now = float("inf")
        self._calls = 0

    def went_well(self, seconds: float, in_flight: int) -> None:
        """Learn from a call that took so long, and began with so many under way."""
        self._fastest = min(self._fastest, seconds)
        if in_flight <= 0.7 * self.level:
            # The level did not hold it back.
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
            self._grow()
        self._begin_round()

    def refused(self) -> None:
        """Go back: this is more than the API takes."""
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
