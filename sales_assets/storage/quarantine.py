"""The invalid records that a day was stored without: `BASE_DIR/quarantine/NAME/DAY/`.

One file of JSON lines, which exists only if it has records. This module does not know what makes a
record invalid.

A day and its quarantine are two directories, replaced one after the other under one lock. The order
is such that a crash in between can only leave too much in quarantine: invalid records are written
before the day without them is published, and deleted only after a day with all of them is. Too much
is harmless, since nothing is missing, and `sales-assets verify` reports it.
"""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.storage.files import open_file
from sales_assets.storage.location import Location
from sales_assets.storage.stored_day import describe

LAYER = "quarantine"

# The file may be foreign, with lines of any length.
_CHUNK = 1 << 20


class Quarantine:
    """The invalid records of one day.

    Attributes:
        directory: Their directory, if there are any.
        file: The only file in it.
    """

    def __init__(self, directory: Location, stem: str) -> None:
        """Use `STEM.jsonl` in this directory."""
        self.directory = directory
        self.file = directory / f"{stem}.jsonl"

    def write(self, records: Iterable[Mapping[str, Any]], directory: Path) -> dict[str, Any]:
        """Write the file into a new directory; no file if there are no records.

        Args:
            records: JSON-serializable records, written one per line.
            directory: An empty directory, to be put in place later.

        Returns:
            A description of the file, as metadata of the day.
        """
        lines = [f"{json.dumps(record)}\n" for record in records]
        if not lines:
            return {}
        file = directory / self.file.name
        file.write_text("".join(lines), encoding="ascii", newline="\n")
        return self._metadata(file)

    def stored(self) -> dict[str, Any]:
        """Return the same metadata for the stored file; empty if there is none.

        Raises:
            InvalidPartitionError: It is not a regular file.
        """
        try:
            return self._metadata(self.file)
        except FileNotFoundError:
            return {}

    def count(self) -> int:
        """Count the records; 0 if there is no file.

        Raises:
            InvalidPartitionError: It is not a regular file.
        """
        try:
            with open_file(self.file) as file:
                return sum(chunk.count(b"\n") for chunk in iter(partial(file.read, _CHUNK), b""))
        except FileNotFoundError:
            return 0

    def _metadata(self, file: Location) -> dict[str, Any]:
        return {
            "quarantine": dg.MetadataValue.path(str(self.file)),
            "quarantine_sha256": describe([file])["sha256"],
        }
