"""The shape that carries the data: a mapping from day to a lazy stream.

Assets, API clients and IO managers exchange nothing else, so that one day and a thousand days use
the same code, and memory holds a page, never a day.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import dagster as dg

from sales_assets.feed.page import Page

T = TypeVar("T")


class EveryDayFailsError(dg.Failure):
    """An error that fails this day and would fail every other day, too."""


class UpstreamDayError(dg.Failure):
    """The upstream day is missing or damaged, and has to be materialized first."""


class StaleDayError(dg.Failure):
    """The day changed while it was read; reading it again may succeed."""


class TornDayError(dg.Failure):
    """The stored files of a day may be a mix of the old and the new version."""


@dataclass(frozen=True)
class StreamResult:
    """What is known about a day once all of its items have been read.

    Attributes:
        rejects: Rejected records of the day, to be stored elsewhere.
        is_current: Returns whether the items read are still the latest, as far as that is known
            without reading them again.
        keeps_rows: Whether the day is only assumed to be empty, so that it must not replace a
            stored day that has rows.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    rejects: Sequence[Mapping[str, Any]] = ()
    is_current: Callable[[], bool] = lambda: True
    keeps_rows: bool = False


@dataclass(eq=False)
class DayStream(Generic[T]):
    """The items of one day in order; can be read repeatedly, but not at the same time.

    Attributes:
        made_from: Record SHA-256 of the upstream day; empty if there is none, or if it was never
            recorded.
        result: What is known since all items were read the last time.
    """

    read: Callable[[], Generator[T, None, StreamResult]]
    made_from: str = ""
    result: StreamResult = field(init=False)

    def __iter__(self) -> Iterator[T]:
        self.result = yield from self.read()


class StreamsByDay(dict[str, DayStream[T]]):
    """Maps a day (`YYYY-MM-DD`, the partition key) to its stream.

    `side_by_side` of the streams are worth reading concurrently.
    """

    def __init__(self, streams: Mapping[str, DayStream[T]], side_by_side: int = 1) -> None:
        super().__init__(streams)
        self.side_by_side = side_by_side


# Classes, not aliases: Dagster checks an asset's value against a plain class.
class PagesByDay(StreamsByDay[Page]):
    """The pages of each day, as the API sent them."""


class RowsByDay(StreamsByDay[dict[str, Any]]):
    """The typed rows of each day."""
