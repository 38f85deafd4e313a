"""The shape that carries the data: a mapping from day to a lazy stream.

Assets, the API clients and the IO managers hand each other nothing else, so that one day and a
thousand days are the same code and memory holds a page, never a day. What the items of a stream
are, and where they come from or go to, does not belong here.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import dagster as dg

from sales_assets.feed.page import Page

T = TypeVar("T")
R = TypeVar("R")


class EveryDayFailsError(dg.Failure):
    """What keeps this day from being read keeps every other day from it, too."""


class UpstreamDayError(dg.Failure):
    """What a day is made from is missing or damaged, and has to be materialized first."""


class StaleDayError(dg.Failure):
    """What was read of a day is void, since the day changed; reading it again may go well."""


class TornDayError(dg.Failure):
    """The stored files of a day may be neither the old version nor the new one."""


@dataclass(frozen=True)
class Facts:
    """What is known of a day once all of its items have been read.

    Attributes:
        metadata: By the names under which Dagster shows it.
        rejects: Records of the day that are not among its items, to be kept elsewhere.
        is_current: Tells whether what was read is still the latest there is, as far as that is
            known without reading it again.
        keeps_rows: Whether the day is only taken to be empty, so that it does not replace a stored
            day that has rows.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    rejects: Sequence[Mapping[str, Any]] = ()
    is_current: Callable[[], bool] = lambda: True
    keeps_rows: bool = False


class Reading(Generic[T, R]):
    """One pass over some items: iterate it, then ask for its result, which a generator returns."""

    def __init__(self, items: Generator[T, None, R]) -> None:
        self._items = items
        self._results: list[R] = []

    def __iter__(self) -> Iterator[T]:
        self._results.append((yield from self._items))

    @property
    def result(self) -> R:
        """What is known in the end; a RuntimeError before all items have been taken."""
        if not self._results:
            raise RuntimeError("not all items have been read yet")
        return self._results[0]


class DayStream(Generic[T]):
    """The items of one day in order, as often as they are needed.

    Attributes:
        made_from: SHA-256 of what is recorded of the day that this one is made from; empty if it
            is made from none, or from one that was never recorded.
    """

    def __init__(self, read: Callable[[], Generator[T, None, Facts]], made_from: str = "") -> None:
        self._read = read
        self.made_from = made_from

    def reading(self) -> Reading[T, Facts]:
        """Begin a pass over the day."""
        return Reading(self._read())

    def __iter__(self) -> Iterator[T]:
        return iter(self.reading())


class StreamsByDay(dict[str, DayStream[T]]):
    """Day (`YYYY-MM-DD`, the partition key) to the stream of that day.

    Attributes:
        side_by_side: How many of the streams are worth reading at the same time.
    """

    def __init__(self, streams: Mapping[str, DayStream[T]], side_by_side: int = 1) -> None:
        super().__init__(streams)
        self.side_by_side = side_by_side


# Classes, not aliases: Dagster checks an asset's value against a plain class.
class PagesByDay(StreamsByDay[Page]):
    """The pages of each day, as the API sent them."""


class RowsByDay(StreamsByDay[dict[str, Any]]):
    """The typed rows of each day."""
