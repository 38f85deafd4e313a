"""The rows of a day as one Avro file, deflated; the same rows always give the same bytes."""

import datetime
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import fastavro

from sales_assets.feed.stream import RowsByDay
from sales_assets.storage.files import InvalidPartitionError, open_file
from sales_assets.storage.location import Location
from sales_assets.storage.partition_format import REPAIR, PartitionFormat

_NO_MARKER = b"no sync mark yet"
"""Stands for the sync marker of a file, which has 16 bytes, until its content is known."""
# Blocks of four times fastavro's size make up for a level that takes half the time.
_BLOCK_BYTES = 64_000
_COMPRESSION = 2


class AvroFile(PartitionFormat[dict[str, Any]]):
    """All rows in one Avro file, deflated; the same rows always give the same bytes."""

    streams = RowsByDay
    has_rejects = True

    def __init__(self, schema: dict[str, Any]) -> None:
        """Read and write rows of `schema`, an Avro record as parsed JSON."""
        self.schema = fastavro.parse_schema(schema)
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
        fastavro.writer(header, self.schema, [], codec=codec, sync_marker=_NO_MARKER)
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

    def is_ours(self, name: str, stem: str) -> bool:
        """See `PartitionFormat.is_ours`."""
        return name == f"{stem}.avro"

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the one file."""
        file = directory / f"{stem}.avro"
        if not file.exists():
            raise InvalidPartitionError(f"{directory} does not hold {file.name}: {REPAIR}")
        return [file]

    def read(self, files: Sequence[Location]) -> Iterator[dict[str, Any]]:
        """Read row by row."""
        for path in files:
            with open_file(path) as file:
                # A file may be older than the schema; new fields get their defaults.
                rows = fastavro.reader(file, reader_schema=self.schema)
                yield from cast(Iterator[dict[str, Any]], rows)

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read as `read` does."""
        return self.read(files)

    def count_rows(self, files: Sequence[Location]) -> int:
        """Count by the headers of the blocks."""
        rows = 0
        for path in files:
            with open_file(path) as file:
                rows += sum(block.num_records for block in fastavro.block_reader(file))
        return rows


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
