"""Threads that go on one at a time, in an order that a test says."""

import threading
from collections.abc import Callable, Iterable, Iterator

_own = threading.local()


class Turns:
    """Lets threads go on one at a time, from one turn to the next."""

    def __init__(self) -> None:
        self._parked = threading.Semaphore(0)
        self._go: dict[int, threading.Semaphore] = {}
        self._started = 0

    def start(self, action: Callable[[], object]) -> None:
        """Start a thread, and have it wait for its first turn."""
        number = self._started
        self._started += 1
        self._go[number] = threading.Semaphore(0)

        def run() -> None:
            _own.number = number
            self.wait()
            try:
                action()
            finally:
                del self._go[number]
                self._parked.release()

        threading.Thread(target=run, daemon=True).start()
        assert self._parked.acquire(timeout=60)

    def wait(self) -> None:
        """Wait for the next turn of this thread; at once for one that has none."""
        if hasattr(_own, "number"):
            self._parked.release()
            self._go[_own.number].acquire()

    def take(self, order: Iterable[int]) -> Iterator[int]:
        """Let one of the threads after the other go on to its next turn, until all have ended.

        `order` says which of those that are left, and by default it is the first. It gives how many
        are left, after each turn.
        """
        choices = iter(order)
        while self._go:
            self._go[sorted(self._go)[next(choices, 0) % len(self._go)]].release()
            assert self._parked.acquire(timeout=60)
            yield len(self._go)
