"""The items of a day, read as often as they are asked for."""

import itertools
from collections.abc import Generator

import pytest

from sales_assets.feed.stream import DayStream, StreamResult


def counted() -> DayStream[int]:
    """A day whose items say which reading they are of."""
    numbers = itertools.count(1)

    def read() -> Generator[int, None, StreamResult]:
        number = next(numbers)
        yield from [number] * 2
        return StreamResult({"reading": number})

    return DayStream(read)


def test_the_facts_are_those_of_the_pass_that_was_read_to_its_end() -> None:
    day = counted()
    first, second = day.reading(), day.reading()
    assert (list(second), list(first), list(day)) == ([1, 1], [2, 2], [3, 3])
    assert (first.result.metadata, second.result.metadata) == ({"reading": 2}, {"reading": 1})


def test_there_are_no_facts_before_all_items_have_been_taken() -> None:
    reading = counted().reading()
    assert next(iter(reading)) == 1
    with pytest.raises(AttributeError):
        _ = reading.result
