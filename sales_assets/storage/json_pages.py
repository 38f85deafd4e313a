"""The pages of a day as JSON files, byte for byte."""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sales_assets.feed.page import Page
from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.files import (
    REPAIR,
    Description,
    InvalidPartitionError,
    PartitionFormat,
    read_file,
)
from sales_assets.storage.location import Location

_PAGE = re.compile(r"(?:_([1-9][0-9]*))?\.json")


class JsonPages(PartitionFormat[Page]):
    """Each page in its own file, byte for byte; numbered if there is more than one."""

    streams = PagesByDay

    def __init__(self, rows_at: str = "") -> None:
        self._rows_at = rows_at

    def write(self, items: Iterable[Page], directory: Path, stem: str) -> None:
        """Write `STEM_1.json`, `STEM_2.json` and so on, or `STEM.json` for a single page."""
        number = 0
        for number, page in enumerate(items, 1):
            (directory / f"{stem}_{number}.json").write_bytes(page.body)
        if number == 0:
            raise InvalidPartitionError(f"{stem} has no pages; a day without rows is a page `[]`")
        if number == 1:
            (directory / f"{stem}_1.json").rename(directory / f"{stem}.json")

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the pages by number: 10 comes after 9."""
        pages: dict[int, Location] = {}
        for path in directory.iterdir():
            found = _PAGE.fullmatch(path.name, len(stem))
            if found and path.name.startswith(stem):
                pages[int(found[1] or 0)] = path
        numbers = sorted(pages)
        if not numbers or numbers not in ([0], [*range(1, len(numbers) + 1)]):
            raise InvalidPartitionError(
                f"the pages in {directory} are not numbered from 1 without gaps: {REPAIR}"
            )
        return [pages[number] for number in numbers]

    def read(self, files: Sequence[Location]) -> Iterator[Page]:
        """Read page by page."""
        return (Page(read_file(path), self._rows_at) for path in files)

    def read_and_describe(self, files: Sequence[Location]) -> Generator[Page, None, dict[str, Any]]:
        """Read page by page, each file once."""
        description = Description()
        for page in self.read(files):
            description.add_file([page.body])
            yield page
        return description.metadata()

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Parse page by page."""
        return (row for page in self.read(files) for row in page.rows)
