"""The shape that carries the data: a mapping from day to a lazy stream.

Assets, the API client and the IO managers hand each other nothing else, so that one day and a
thousand days are the same code and memory holds a page, never a day. What the items of a stream
are, and where they come from or go to, does not belong here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any, Generic, TypeVar

import dagster as dg

T = TypeVar("T")


class EveryDayFailsError(dg.Failure):
    """What keeps this day from being read keeps every other day from it, too."""


class StaleDayError(dg.Failure):
    """What was read of a day is void, since the day changed; reading it again may go well."""


class DayStream(Generic[T]):
    """The items of one day in order.

    Attributes:
        metadata: What is known of the day, by the names under which Dagster shows it. A stream
            that describes what it carries fills this in while it is read: it is complete once the
            last item has been taken.
        rejected: Records of the day that are not among its items, to be kept elsewhere; filled in
            likewise. None for a stream whose items nobody judges.
    """

    def __init__(
        self,
        read: Callable[[], Iterable[T]],
        metadata: MutableMapping[str, Any] | None = None,
        rejected: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Carry what `read` gives; the rest may be filled in by whoever yields it."""
        self._read = read
        self.metadata = {} if metadata is None else metadata
        self.rejected = rejected

    def __iter__(self) -> Iterator[T]:
        """Read the day from its beginning, once more if need be."""
        return iter(self._read())


class StreamsByDay(dict[str, DayStream[T]]):
    """Day (`YYYY-MM-DD`, the partition key) to the stream of that day.

    Attributes:
        side_by_side: How many of the streams are worth reading at the same time.
    """

    def __init__(self, streams: Mapping[str, DayStream[T]], side_by_side: int = 1) -> None:
        """Map these days."""
        super().__init__(streams)
        self.side_by_side = side_by_side


# Classes, not aliases: Dagster checks an asset's value against a plain class.
class PagesByDay(StreamsByDay[bytes]):
    """The pages of each day, as the API sent them."""


class RowsByDay(StreamsByDay[dict[str, Any]]):
    """The typed rows of each day."""
