"""What a partition directory contains, as the IO manager sees it.

A format writes a stream into an empty local directory and reads it back from any file system. It
knows the names of its files, but not where the directory is or how it gets there.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from sales_assets.feed.stream import StreamsByDay
from sales_assets.storage.files import describe
from sales_assets.storage.location import Location

T = TypeVar("T")

REPAIR = "materialize this partition again, which replaces the whole directory"


class PartitionFormat(ABC, Generic[T]):
    """The files of one partition.

    Attributes:
        streams: The mapping from day to stream that carries this format's items.
    """

    streams: ClassVar[type[StreamsByDay[Any]]]

    @abstractmethod
    def write(self, items: Iterable[T], directory: Path, stem: str) -> None:
        """Write a partition into an empty directory, without holding all items in memory.

        The names of its files begin with `stem`, such as `sales_2022-08-09`.
        """

    @abstractmethod
    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the files of a partition in content order, without foreign files.

        Raises:
            InvalidPartitionError: The directory lacks something.
        """

    @abstractmethod
    def read(self, files: Sequence[Location]) -> Iterator[T]:
        """Read what `write` has written, item by item."""

    def read_and_describe(self, files: Sequence[Location]) -> Generator[T, None, dict[str, Any]]:
        """Read like `read`; return the description of the files, as `describe` does."""
        yield from self.read(files)
        return describe(files)

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read row by row, whatever the items of `read` are."""
        return self.read(files)
