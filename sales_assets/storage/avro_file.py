"""The rows of a day as one Avro file, deflated; the same rows always produce the same bytes."""

import hashlib
import itertools
import mmap
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import fastavro

from sales_assets.feed.stream import RowsByDay
from sales_assets.storage.files import REPAIR, InvalidPartitionError, PartitionFormat, open_file
from sales_assets.storage.location import Location

# Blocks of four times fastavro's default size offset a level that takes half the time.
_BLOCK_BYTES = 64_000
_COMPRESSION = 2
_MARKER_BYTES = 16


class AvroFile(PartitionFormat[dict[str, Any]]):
    """All rows in one Avro file, deflated; the same rows always produce the same bytes."""

    streams = RowsByDay

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = cast(dict[str, Any], fastavro.parse_schema(schema))
        # As a file's own schema is read back.
        self._written = {
            key: value for key, value in self.schema.items() if not key.startswith("__")
        }

    def write(self, items: Iterable[dict[str, Any]], directory: Path, stem: str) -> None:
        """Write `STEM.avro`.

        An empty file has no codec, since other readers fail on an empty deflated file.
        """
        rows = iter(items)
        first = list(itertools.islice(rows, 1))
        codec = "deflate" if first else "null"
        file = directory / f"{stem}.avro"
        # Random, so that no row can contain it.
        marker = secrets.token_bytes(_MARKER_BYTES)
        with file.open("wb") as unfinished:
            fastavro.writer(
                unfinished,
                self.schema,
                itertools.chain(first, rows),
                codec=codec,
                sync_interval=_BLOCK_BYTES,
                sync_marker=marker,
                codec_compression_level=_COMPRESSION,
            )
        _derive_marker(file, marker)

    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """Return the one file."""
        file = directory / f"{stem}.avro"
        if not file.exists():
            raise InvalidPartitionError(f"{directory} does not contain {file.name}: {REPAIR}")
        return [file]

    def read(self, files: Sequence[Location]) -> Iterator[dict[str, Any]]:
        """Read row by row."""
        for path in files:
            with open_file(path) as file:
                rows = fastavro.reader(file)
                if rows.writer_schema != self._written:
                    # The file is older than the schema; new fields get their defaults. This takes
                    # twice as long.
                    file.seek(0)
                    rows = fastavro.reader(file, reader_schema=self.schema)
                yield from cast(Iterator[dict[str, Any]], rows)


def _derive_marker(file: Path, marker: bytes) -> None:
    """Replace the sync marker of a file with one derived from the rest of it.

    With one marker for all files, blocks of different versions of a file could be mixed unnoticed.
    The marker ends the header and every block
    (https://avro.apache.org/docs/1.12.0/specification/#object-container-files).
    """
    digest = hashlib.sha256()
    places: list[int] = []
    with file.open("r+b") as written, mmap.mmap(written.fileno(), 0) as content:
        start = 0
        while (place := content.find(marker, start)) >= 0:
            digest.update(content[start:place])
            places.append(place)
            start = place + len(marker)
        for place in places:
            content[place : place + len(marker)] = digest.digest()[: len(marker)]
