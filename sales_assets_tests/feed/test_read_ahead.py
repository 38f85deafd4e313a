"""Calls made ahead of their use."""

import math
import threading
from collections.abc import Iterator
from itertools import islice

import pytest

from sales_assets.feed.read_ahead import ReadAhead


@pytest.fixture(params=[1, 2, 8, 64])
def read_ahead(request: pytest.FixtureRequest) -> Iterator[ReadAhead]:
    """Each bound on calls in flight."""
    shared = eager(request.param)
    yield shared
    shared.close()


def eager(bound: int) -> ReadAhead:
    """Make calls ahead however quick they are."""
    return ReadAhead(bound, worth_a_thread=0)


def always(_: object) -> bool:
    return True


def test_results_come_in_order(read_ahead: ReadAhead) -> None:
    squares = read_ahead.in_order(lambda number: number**2, always)
    assert list(islice(squares, 100)) == [number**2 for number in range(1, 101)]


def test_nothing_is_called_before_the_first_result_is_taken(read_ahead: ReadAhead) -> None:
    calls: list[int] = []
    read_ahead.in_order(calls.append, always)
    assert calls == []


@pytest.mark.parametrize("bound", [1, 2, 8, 64])
def test_calls_never_run_far_ahead_of_their_use(bound: int) -> None:
    read_ahead = eager(bound)
    calls: list[int] = []
    results = read_ahead.in_order(calls.append, always)
    for taken in range(1, 200):
        next(results)
        assert len(calls) <= taken + bound + 1
    read_ahead.close()


def test_an_error_is_raised_in_its_turn(read_ahead: ReadAhead) -> None:
    def reciprocal(number: int) -> float:
        return 1 / (number - 4)

    results = read_ahead.in_order(reciprocal, always)
    assert len(list(islice(results, 3))) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_one_sequence_that_waits_does_not_keep_another_from_going_on() -> None:
    read_ahead = eager(4)
    waiting = read_ahead.in_order(lambda number: number, always)
    list(islice(waiting, 50))
    assert list(islice(read_ahead.in_order(lambda n: -n, always), 20))[-1] == -20
    assert next(waiting) == 51
    read_ahead.close()


def test_only_the_next_call_is_made_when_no_more_are_likely(read_ahead: ReadAhead) -> None:
    calls: list[int] = []
    results = read_ahead.in_order(calls.append, lambda _: False)
    list(islice(results, 10))
    assert calls == list(range(1, 11))


def test_a_sequence_that_is_closed_makes_room() -> None:
    read_ahead = eager(4)
    for _ in range(100):
        results = read_ahead.in_order(lambda number: number, always)
        list(islice(results, 5))
        results.close()
    called = threading.Event()

    def call(number: int) -> None:
        if number == 6:
            called.set()

    results_of_call = read_ahead.in_order(call, always)
    list(islice(results_of_call, 4))
    assert called.wait(5)
    read_ahead.close()


def test_what_is_not_an_exception_is_raised_too() -> None:
    def interrupt(number: int) -> None:
        # The fourth call is made ahead, in another thread.
        if number == 4:
            raise KeyboardInterrupt

    read_ahead = eager(8)
    results = read_ahead.in_order(interrupt, always)
    assert len(list(islice(results, 3))) == 3
    with pytest.raises(RuntimeError, match="KeyboardInterrupt"):
        next(results)
    read_ahead.close()


def test_quick_calls_are_made_in_the_thread_that_needs_them() -> None:
    read_ahead = ReadAhead(8, worth_a_thread=math.inf)
    threads: set[str] = set()

    def call(number: int) -> int:
        threads.add(threading.current_thread().name)
        return number

    list(islice(read_ahead.in_order(call, always), 20))
    assert read_ahead.call_all(call, [1, 2, 3]) == {1: 1, 2: 2, 3: 3}
    assert threads == {threading.current_thread().name}
    read_ahead.close()
