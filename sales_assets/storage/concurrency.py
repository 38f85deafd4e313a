"""How many days are worth doing at a time: more while the processor has time to spare.

Days wait for an API or a disk, and meanwhile others go on. Where nothing is waited for, threads are
only in each other's way: two of them take longer than one, and eight take twice as long.
"""

import time
from collections.abc import Callable

_FIRST = 4
_SECONDS = 0.1
"""How long to look before changing anything."""
_IDLE, _BUSY = 0.7, 0.9
"""Seconds of processor a second, of all threads: below, more threads pay off; above, fewer do."""


class Concurrency:
    """Watches how busy this process is, and says how many threads it should have."""

    def __init__(
        self,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        """Begin with a few.

        Args:
            most: The highest number.
            clock: Tells the time, in seconds.
            busy: Tells how long the processor has worked for this process, in seconds.
        """
        self._most = most
        self._level = min(_FIRST, most)
        self._clock, self._busy = clock, busy
        self._since = clock(), busy()

    def level(self) -> int:
        """Give the number that is right now, which is 1 at least."""
        now = self._clock(), self._busy()
        elapsed = now[0] - self._since[0]
        if elapsed >= _SECONDS:
            share = (now[1] - self._since[1]) / elapsed
            if share < _IDLE:
                self._level = min(self._most, 2 * self._level)
            elif share > _BUSY:
                self._level = max(1, self._level // 2)
            self._since = now
        return self._level
