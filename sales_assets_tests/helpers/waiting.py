"""Waiting for other processes, for as long as it takes and no longer."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    what: str, ready: Callable[[], T | None], seconds: float = 90, pause: float = 0.05
) -> T:
    """Ask until there is an answer, and give it; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not (answer := ready()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(pause)
    return answer
