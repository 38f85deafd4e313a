"""What a partition directory holds, as the IO manager sees it.

A format writes a stream into an empty local directory and reads it back from any file system. It
knows the names of its files; where the directory lies and how it gets there is not known here.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from sales_assets.feed.stream import StreamsByDay
from sales_assets.storage.files import entries, is_dropping
from sales_assets.storage.location import Location
from sales_assets.storage.stored_day import describe

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
        """Write a partition.

        Args:
            items: What to write, read once and never held as a whole.
            directory: An empty directory.
            stem: What the names of the files begin with, such as `sales_2022-08-09`.
        """

    @abstractmethod
    def is_ours(self, name: str, stem: str) -> bool:
        """Tell whether `write` could have made a file of this name."""

    @abstractmethod
    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the files of a partition in the order of their content, and no others.

        Raises:
            InvalidPartitionError: The directory lacks something.
        """

    @abstractmethod
    def read(self, files: Sequence[Location]) -> Iterator[T]:
        """Read what `write` has written, item by item.

        Raises:
            InvalidPartitionError: Something in the place of a file is not one.
        """

    def read_and_describe(self, files: Sequence[Location]) -> Generator[T, None, dict[str, Any]]:
        """Read as `read` does, and describe the files in the end, as `stored_day.describe` does."""
        yield from self.read(files)
        return describe(files)

    @abstractmethod
    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read row by row, whatever the items of `read` are."""

    @abstractmethod
    def count_rows(self, files: Sequence[Location]) -> int:
        """Count the rows of a partition, at less cost than that of reading them where possible."""

    def counts(self, files: Sequence[Location]) -> dict[str, int]:
        """Count what differs from day to day, for the metadata; one file a day is no number."""
        return {}

    def strangers(self, directory: Location, stem: str) -> list[Location]:
        """List what nobody here has put there, and no operating system either."""
        return [
            path
            for path in entries(directory)
            if not self.is_ours(path.name, stem) and not is_dropping(path.name)
        ]
