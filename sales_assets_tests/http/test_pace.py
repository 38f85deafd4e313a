"""The threads that call an API at its pace."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import pairwise

import pytest

from sales_assets.http.errors import TransientHttpError
from sales_assets.http.pace import Pace
from sales_assets.http.transport import Limits

NEVER = float("inf")


@pytest.fixture
def pace() -> Iterator[Pace]:
    """A pace of one call at a time."""
    limits = Limits(max_in_flight=1, retry_after_cap=0.2, request_timeout=30)
    with closing(Pace(limits)) as one_by_one:
        yield one_by_one


def result(pace: Pace, function: Callable[[], object], deadline: float = NEVER) -> object:
    return pace.result(pace.begin(function, ""), deadline)


def test_a_turn_that_does_not_come_in_time_is_given_up(pace: Pace) -> None:
    over = threading.Event()
    first = pace.begin(over.wait, "")
    with pytest.raises(TransientHttpError, match="not sent in time"):
        result(pace, lambda: 1, time.monotonic() + 0.05)
    over.set()
    assert pace.result(first, NEVER) is True
    assert result(pace, lambda: 1) == 1


def test_a_call_that_hangs_is_given_up_and_another_thread_makes_the_next_one() -> None:
    over = threading.Event()
    with closing(Pace(Limits(max_in_flight=1, request_timeout=0.05))) as pace:
        hanging = pace.begin(over.wait, "")
        # Also for somebody who waits for a call after that; a slow machine may give up that, too.
        for _ in range(1000):
            with suppress(TransientHttpError):
                assert result(pace, lambda: 1) == 1
                break
        else:
            pytest.fail("no call was made after the one that hangs")
        with pytest.raises(TransientHttpError, match=r"no complete response within 0\.05 s"):
            pace.result(hanging, NEVER)
        over.set()


def test_a_call_of_no_use_any_more_is_not_made(pace: Pace) -> None:
    made: list[int] = []
    over = threading.Event()
    first = pace.begin(over.wait, "")
    pace.drop(pace.begin(lambda: made.append(2), ""))
    over.set()
    pace.result(first, NEVER)
    assert result(pace, lambda: 3) == 3
    assert made == []


def test_retry_after_pauses_everybody(pace: Pace) -> None:
    refused: list[float] = []

    def refuse() -> None:
        refused.append(time.monotonic())
        raise TransientHttpError("x:", "busy", retry_after=3600, slow_down=True)

    with pytest.raises(TransientHttpError):
        result(pace, refuse)
    assert pace.pause <= 0.2
    assert result(pace, time.monotonic) >= refused[0] + 0.2  # type: ignore[operator]


def test_calls_are_spread_over_time_when_so_many_a_second_are_allowed() -> None:
    with closing(Pace(Limits(max_in_flight=8, max_per_second=50))) as pace:
        calls = [pace.begin(lambda: None, "") for _ in range(6)]
        for call in calls:
            pace.result(call, NEVER)
    starts = [call.started for call in calls]
    assert all(later - first >= 0.0199 for first, later in pairwise(starts))
