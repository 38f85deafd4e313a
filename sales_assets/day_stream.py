"""The shape that carries the data: a mapping from day to a lazy stream.

Assets, the API client and the IO managers hand each other nothing else, so that one day and a
thousand days are the same code and memory holds a page, never a day. What the items of a stream
are, and where they come from or go to, does not belong here.
"""

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Generic, TypeVar

import dagster as dg

T = TypeVar("T")


class EveryDayFailsError(dg.Failure):
    """What keeps this day from being read keeps every other day from it, too."""


class DayStream(Generic[T]):
    """The items of one day in order, to be read once.

    Attributes:
        metadata: What is known of the day, by the names under which Dagster shows it. A stream
            that describes what it carries fills this in while it is read: it is complete once the
            last item has been taken.
        rejected: Records of the day that are not among its items, to be kept elsewhere; filled in
            likewise. None for a stream whose items nobody judges.
    """

    def __init__(
        self,
        items: Iterable[T],
        metadata: MutableMapping[str, Any] | None = None,
        rejected: Sequence[dict[str, Any]] | None = None,
    ) -> None:
        """Carry `items`; the rest may be filled in by whoever yields them."""
        self._items = items
        self.metadata = {} if metadata is None else metadata
        self.rejected = rejected

    def __iter__(self) -> Iterator[T]:
        """Read the day; a second reading gets nothing."""
        return iter(self._items)


# Classes, not aliases: Dagster checks an asset's value against a plain class.
class PagesByDay(dict[str, DayStream[bytes]]):
    """Day (`YYYY-MM-DD`, the partition key) to the pages of that day, as the API sent them."""


class RowsByDay(dict[str, DayStream[dict[str, Any]]]):
    """Day (`YYYY-MM-DD`, the partition key) to the typed rows of that day."""
