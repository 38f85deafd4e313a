"""What a partition directory holds: the pages of a day as JSON, or its rows as one Avro file.

A format writes a stream into an empty local directory and reads it back from any file system. It
knows the names of its files; where the directory lies and how it gets there is not known here.
"""

import datetime
import hashlib
import io
import itertools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, TypeVar, cast, overload

import dagster as dg
import fastavro

from sales_assets.feed.json_rows import values_of_page
from sales_assets.feed.stream import PagesByDay, RowsByDay, StreamsByDay
from sales_assets.storage.location import Location

T = TypeVar("T")

_NO_MARKER = b"no sync mark yet"
"""Stands for the sync marker of a file, which has 16 bytes, until its content is known."""
# Blocks of four times fastavro's size make up for a level that takes half the time.
_BLOCK_BYTES = 64_000
_COMPRESSION = 2
_PAGE = re.compile(r"(?:_([1-9][0-9]*))?\.json")
_REPAIR = "materialize this partition again, which replaces the whole directory"


class InvalidPartitionError(dg.Failure):
    """A partition directory does not hold what its format says, or would not."""


class ForeignFileError(InvalidPartitionError):
    """A partition directory holds something that nobody here has put there."""


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
    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the files of a partition in the order of their content.

        Raises:
            InvalidPartitionError: The directory holds something else, or lacks something.
        """

    @abstractmethod
    def read(self, files: Sequence[Location]) -> Iterator[T]:
        """Read what `write` has written, item by item."""

    @abstractmethod
    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read row by row, whatever the items of `read` are."""

    @abstractmethod
    def count_rows(self, files: Sequence[Location]) -> int:
        """Count the rows of a partition, at less cost than that of reading them where possible."""


class JsonPages(PartitionFormat[bytes]):
    """Each page in a file of its own, byte for byte; numbered when there is more than one."""

    streams = PagesByDay

    def write(self, items: Iterable[bytes], directory: Path, stem: str) -> None:
        """Write `STEM_1.json`, `STEM_2.json` and so on, or `STEM.json` for a single page."""
        number = 0
        for number, page in enumerate(items, 1):
            (directory / f"{stem}_{number}.json").write_bytes(page)
        if number == 0:
            raise InvalidPartitionError(f"{stem} has no page; a day without rows is a page `[]`")
        if number == 1:
            (directory / f"{stem}_1.json").rename(directory / f"{stem}.json")

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the pages by number: 10 comes after 9."""
        numbers: set[int] = set()
        for path in directory.iterdir():
            match = _PAGE.fullmatch(path.name, len(stem))
            if match is None or not path.name.startswith(stem):
                raise ForeignFileError(f"{path} is no page of {stem}: {_REPAIR}")
            numbers.add(int(match[1] or 0))
        if numbers == {0}:
            return [directory / f"{stem}.json"]
        if not numbers or (min(numbers), max(numbers)) != (1, len(numbers)):
            raise InvalidPartitionError(
                f"the pages in {directory} are not numbered from 1 without gaps: {_REPAIR}"
            )
        return _NumberedPages(directory, stem, len(numbers))

    def read(self, files: Sequence[Location]) -> Iterator[bytes]:
        """Read page by page."""
        return (path.read_bytes() for path in files)

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Parse page by page."""
        return (row for page in self.read(files) for row in values_of_page(page))

    def count_rows(self, files: Sequence[Location]) -> int:
        """Count page by page."""
        return sum(len(values_of_page(page)) for page in self.read(files))


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


class AvroFile(PartitionFormat[dict[str, Any]]):
    """All rows in one Avro file, deflated; the same rows always give the same bytes."""

    streams = RowsByDay

    def __init__(self, schema: dict[str, Any]) -> None:
        """Read and write rows of `schema`, an Avro record as parsed JSON."""
        self._schema = fastavro.parse_schema(schema)
        # A logical type says how to read a value and changes nothing in how it is written; to
        # fastavro it costs half a microsecond a row, a quarter of the time.
        plain = [{**field, "type": _plain_type(field["type"])} for field in schema["fields"]]
        self._plain_schema = fastavro.parse_schema({**schema, "fields": plain})
        self._dates = [field["name"] for field in schema["fields"] if _is_date(field["type"])]

    def write(self, items: Iterable[dict[str, Any]], directory: Path, stem: str) -> None:
        """Write `STEM.avro`.

        Other readers fail on an empty file that claims to be deflated, so that one has no codec.
        """
        rows = self._plain_rows(items)
        first = list(itertools.islice(rows, 1))
        codec = "deflate" if first else "null"
        header = io.BytesIO()
        fastavro.writer(header, self._schema, [], codec=codec, sync_marker=_NO_MARKER)
        with (directory / f"{stem}.avro").open("wb") as file:
            marked = _MarkedByContent(file, header.getvalue().removesuffix(_NO_MARKER))
            fastavro.writer(
                cast(IO[bytes], marked),
                self._plain_schema,
                itertools.chain(first, rows),
                codec=codec,
                sync_interval=_BLOCK_BYTES,
                sync_marker=_NO_MARKER,
                codec_compression_level=_COMPRESSION,
            )
            marked.fill_in_markers()

    def _plain_rows(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for name in self._dates:
            rows = _days_since_epoch(rows, name)
        return iter(rows)

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the one file."""
        files: list[Location] = [*directory.iterdir()]
        if [path.name for path in files] != [f"{stem}.avro"]:
            error = ForeignFileError if files else InvalidPartitionError
            raise error(f"{directory} does not hold {stem}.avro alone: {_REPAIR}")
        return files

    def read(self, files: Sequence[Location]) -> Iterator[dict[str, Any]]:
        """Read row by row."""
        for path in files:
            with path.open("rb") as file:
                # A file may be older than the schema; new fields get their defaults.
                rows = fastavro.reader(file, reader_schema=self._schema)
                yield from cast(Iterator[dict[str, Any]], rows)

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read as `read` does."""
        return self.read(files)

    def count_rows(self, files: Sequence[Location]) -> int:
        """Count by the headers of the blocks."""
        rows = 0
        for path in files:
            with path.open("rb") as file:
                rows += sum(block.num_records for block in fastavro.block_reader(file))
        return rows


def content_sha256(files: Iterable[Location]) -> str:
    """Hash the files of a partition, one after the other as if they were one."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _is_date(avro_type: Any) -> bool:
    return isinstance(avro_type, dict) and avro_type.get("logicalType") == "date"


def _plain_type(avro_type: Any) -> Any:
    return avro_type["type"] if _is_date(avro_type) else avro_type


class _DaysSinceEpoch(dict[datetime.date, int]):
    """Number of each date; a partition has few of them, and each is counted out once."""

    _epoch = datetime.date(1970, 1, 1)

    def __missing__(self, date: datetime.date) -> int:
        self[date] = (date - self._epoch).days
        return self[date]


def _days_since_epoch(rows: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """Put a date the way Avro writes it."""
    days = _DaysSinceEpoch()
    for row in rows:
        plain = row.copy()
        plain[name] = days[row[name]]
        yield plain


class _MarkedByContent(io.RawIOBase):
    """An Avro file in the making, whose sync marker is derived from its content.

    fastavro draws a random marker. A fixed one for all files would do for the same bytes again, but
    then blocks of two versions of a file would fit each other. The marker ends the header and every
    block (https://avro.apache.org/docs/1.12.0/specification/#object-container-files), and fastavro
    writes it by itself: its places are remembered, and filled in at the end.
    """

    def __init__(self, file: IO[bytes], header: bytes) -> None:
        """Begin a file with this header, instead of the one that is going to be written."""
        self._file = file
        self._digest = hashlib.sha256()
        self._places: list[int] = []
        self._add(header)

    def write(self, data: Any) -> int:
        """Take what fastavro writes; its own header, up to the first marker, is left out."""
        content = bytes(data).removesuffix(_NO_MARKER)
        if self._places:
            self._add(content)
        if len(content) < len(data):
            self._places.append(self._file.tell())
            self._file.write(_NO_MARKER)
        return len(data)

    def fill_in_markers(self) -> None:
        """Finish the file."""
        marker = self._digest.digest()[: len(_NO_MARKER)]
        for place in self._places:
            self._file.seek(place)
            self._file.write(marker)

    def _add(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
