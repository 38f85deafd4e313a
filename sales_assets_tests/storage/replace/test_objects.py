"""Replacing on an object store: what two uploads of one directory do to each other."""

import sys
import uuid
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from sales_assets.feed.stream import TornDayError
from sales_assets.storage.replace import ReplacedError, objects
from sales_assets_tests.helpers.directories import publish, read
from sales_assets_tests.helpers.turns import Turns

DAYS = ({"1": b"a", "2": b"a"}, {"1": b"b", "3": b"b"})


def publish_in_turn(base: UPath, number: int, turns: Turns) -> None:
    """Upload a day, each line of that at a turn of its own."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code is not objects.ObjectDirectories._upload.__code__:
            return None
        if event == "line":
            turns.wait()
        return trace

    sys.settrace(trace)
    with suppress(TornDayError):
        publish(base, DAYS[number])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 16)), max_size=6))
def test_two_uploads_in_any_order_of_their_steps_leave_a_whole_day_or_readers_notice(
    order: list[tuple[int, int]],
) -> None:
    base = UPath(f"memory://{uuid.uuid4()}")
    turns = Turns()
    for number in (0, 1):
        turns.start(partial(publish_in_turn, base, number, turns))
    for _ in turns.take(number for number, count in order for _ in range(count)):
        pass
    with suppress(ReplacedError):
        assert read(base) in DAYS
    publish(base, DAYS[0])
    assert read(base) == DAYS[0]
