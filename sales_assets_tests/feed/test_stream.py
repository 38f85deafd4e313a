"""The items of a day, read as often as they are asked for."""

from collections.abc import Generator

import pytest

from sales_assets.feed.stream import DayStream, StreamResult


def test_each_pass_reads_the_day_anew_and_has_its_result_when_all_items_have_been_read() -> None:
    numbers = iter((1, 2))

    def read() -> Generator[int, None, StreamResult]:
        number = next(numbers)
        yield from [number] * 2
        return StreamResult({"reading": number})

    day = DayStream(read)
    items = iter(day)
    next(items)
    with pytest.raises(AttributeError):
        _ = day.result
    next(items)
    assert next(items, None) is None
    assert day.result.metadata == {"reading": 1}
    assert list(day) == [2, 2]
    assert day.result.metadata == {"reading": 2}
