"""The pages of a day as JSON files, byte for byte."""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from sales_assets.feed.page import Page
from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.files import InvalidPartitionError, read_file
from sales_assets.storage.location import Location
from sales_assets.storage.partition_format import REPAIR, PartitionFormat
from sales_assets.storage.stored_day import Description

_PAGE = re.compile(r"(?:_([1-9][0-9]*))?\.json")


class JsonPages(PartitionFormat[Page]):
    """Each page in a file of its own, byte for byte; numbered when there is more than one."""

    streams = PagesByDay
    has_rejects = False

    def write(self, items: Iterable[Page], directory: Path, stem: str) -> None:
        """Write `STEM_1.json`, `STEM_2.json` and so on, or `STEM.json` for a single page."""
        number = 0
        for number, page in enumerate(items, 1):
            (directory / f"{stem}_{number}.json").write_bytes(page.body)
        if number == 0:
            raise InvalidPartitionError(f"{stem} has no page; a day without rows is a page `[]`")
        if number == 1:
            (directory / f"{stem}_1.json").rename(directory / f"{stem}.json")

    def is_ours(self, name: str, stem: str) -> bool:
        """See `PartitionFormat.is_ours`."""
        return _number(name, stem) is not None

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the pages by number: 10 comes after 9."""
        numbers = {
            number
            for path in directory.iterdir()
            if (number := _number(path.name, stem)) is not None
        }
        if numbers == {0}:
            return [directory / f"{stem}.json"]
        if not numbers or (min(numbers), max(numbers)) != (1, len(numbers)):
            raise InvalidPartitionError(
                f"the pages in {directory} are not numbered from 1 without gaps: {REPAIR}"
            )
        return _NumberedPages(directory, stem, len(numbers))

    def read(self, files: Sequence[Location]) -> Iterator[Page]:
        """Read page by page."""
        return (Page(read_file(path)) for path in files)

    def read_and_describe(self, files: Sequence[Location]) -> Generator[Page, None, dict[str, Any]]:
        """Read page by page, and each file once."""
        description = Description()
        for page in self.read(files):
            description.add_file([page.body])
            yield page
        return description.metadata()

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Parse page by page."""
        return (row for page in self.read(files) for row in page.rows)

    def count_rows(self, files: Sequence[Location]) -> int:
        """Count page by page."""
        return sum(page.count for page in self.read(files))

    def counts(self, files: Sequence[Location]) -> dict[str, int]:
        """Count the pages."""
        return {"files": len(files)}


class _NumberedPages(Sequence[Location]):
    """The pages of a day; a day can have very many, of which memory holds no list."""

    def __init__(self, directory: Location, stem: str, pages: int) -> None:
        """Count the pages from 1."""
        self._numbers = range(1, pages + 1)
        self._directory = directory
        self._stem = stem

    def __len__(self) -> int:
        """The number of pages."""
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Location: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Location]: ...

    def __getitem__(self, index: int | slice) -> "Location | Sequence[Location]":
        """The path of a page, or of some."""
        if isinstance(index, slice):
            return [self._path(number) for number in self._numbers[index]]
        return self._path(self._numbers[index])

    def _path(self, number: int) -> Location:
        return self._directory / f"{self._stem}_{number}.json"


def _number(name: str, stem: str) -> int | None:
    """Read the number of a page from the name of its file; 0 for an only page."""
    match = _PAGE.fullmatch(name, len(stem))
    return int(match[1] or 0) if match and name.startswith(stem) else None
