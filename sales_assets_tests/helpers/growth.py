"""How the time that something takes grows with its size, on a machine of any speed."""

import time
from collections.abc import Callable


def is_linear(action: Callable[[int], object], size: int) -> bool:
    """Tell whether eight times the size takes about eight times as long, and not 64 times.

    It counts the time of this process alone; the size has to be worth some milliseconds.
    """

    def seconds(size: int) -> float:
        started = time.process_time()
        action(size)
        return time.process_time() - started

    # On a busy machine a measurement may be wrong, but hardly five of them.
    return any(seconds(8 * size) < 30 * seconds(size) for _ in range(5))
