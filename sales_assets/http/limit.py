"""How many concurrent requests an API takes, found out while it is called.

This module makes no requests.
"""

import time
from collections.abc import Callable

FIRST_LEVEL = 8
_SECONDS_TO_FORGET = 60


class Limit:
    """The number of concurrent calls, controlled by the rules of TCP (AIMD, RFC 5681).

    As in `AIMDLimit` of Netflix's concurrency-limits (github.com/Netflix/concurrency-limits), the
    level grows by one with each round of calls that made use of it. A refusal resets it to the
    highest level that has worked, or halves it if that one is refused. As a refusal often costs a
    pause of seconds, the level then stays at what has worked for a minute.

    Args:
        ceiling: The highest level.
        clock: Returns the time in seconds.

    Attributes:
        level: The current limit of concurrent calls.
    """

    def __init__(self, ceiling: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.level = self._good = min(FIRST_LEVEL, ceiling)
        self._ceiling = ceiling
        self._clock = clock
        self._grows_at = clock()
        self._calls = 0

    def went_well(self, in_flight: int) -> None:
        """Learn from a successful call, given the calls in flight when it began."""
        if 2 * in_flight < self.level:
            # The level was not the limit.
            return
        self._calls += 1
        if self._calls < self.level:
            return
        self._calls = 0
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
        self._calls = 0
