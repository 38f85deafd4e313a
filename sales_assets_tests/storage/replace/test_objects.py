"""Replacing on an object store: what two uploads of one directory do to each other."""

import sys
import threading
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from sales_assets.feed.stream import TornDayError
from sales_assets.storage.replace import ReplacedError, objects
from sales_assets_tests.helpers.directories import publish, read

DAYS = ({"1": b"a", "2": b"a"}, {"1": b"b", "3": b"b"})


class Turns:
    """Lets two threads do so many lines each of an upload, by turns, one thread at a time."""

    def __init__(self, lines: Sequence[int]) -> None:
        """Give the first thread as many lines as the first number says, and so on."""
        self._left = deque(n % 2 for n, count in enumerate(lines) for _ in range(count))
        self._busy: int | None = None
        self._changed = threading.Condition()

    def take(self, thread: int) -> None:
        """End the line before, and wait for the turn of the next one."""
        with self._changed:
            self._end(thread)
            self._changed.wait_for(
                lambda: self._busy is None and (not self._left or self._left[0] == thread)
            )
            self._busy = thread
            if self._left:
                self._left.popleft()

    def leave(self, thread: int) -> None:
        """Leave all turns to the other one."""
        with self._changed:
            self._left = deque(other for other in self._left if other != thread)
            self._end(thread)

    def _end(self, thread: int) -> None:
        if self._busy == thread:
            self._busy = None
        self._changed.notify_all()


def publish_in_turn(base: UPath, thread: int, turns: Turns) -> None:
    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != objects.__file__:
            return None
        if event == "line" and frame.f_code.co_name == "_upload":
            turns.take(thread)
        return trace

    sys.settrace(trace)
    try:
        with suppress(TornDayError):
            publish(base, DAYS[thread])
    finally:
        sys.settrace(None)
        turns.leave(thread)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 16), max_size=6))
def test_two_uploads_in_any_order_of_their_steps_leave_a_whole_day_or_readers_notice(
    lines: list[int],
) -> None:
    base = UPath(f"memory://{uuid.uuid4()}")
    turns = Turns(lines)
    threads = [
        threading.Thread(target=publish_in_turn, args=(base, number, turns)) for number in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with suppress(ReplacedError):
        assert read(base) in DAYS
    publish(base, DAYS[0])
    assert read(base) == DAYS[0]
