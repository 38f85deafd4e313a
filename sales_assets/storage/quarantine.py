"""The invalid records that a day was stored without: `BASE_DIR/quarantine/NAME/DAY/`.

A day and its quarantine are two directories, replaced one after the other under one lock. A crash
in between can only leave too much in quarantine: invalid records are written before the day without
them is published, and deleted only after a day with all of them is. `sales-assets verify` reports
it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.storage.files import chunks_of
from sales_assets.storage.location import Location

LAYER = "quarantine"


class Quarantine:
    """The invalid records of one day, if any, as JSON lines in the only file of a directory."""

    def __init__(self, directory: Location, stem: str) -> None:
        self.directory = directory
        self.file = directory / f"{stem}.jsonl"

    def write(self, records: Iterable[Mapping[str, Any]], directory: Path) -> dict[str, Any]:
        """Write the file, if there are records, into a new directory; return its `metadata`."""
        file = directory / self.file.name
        lines = [f"{json.dumps(record)}\n" for record in records]
        if lines:
            file.write_text("".join(lines), encoding="ascii", newline="\n")
        return self.metadata(file)

    def metadata(self, new: Path | None = None) -> dict[str, Any]:
        """Describe the file, or a new one, as metadata of the day.

        Raises:
            InvalidPartitionError: It is not a regular file.
        """
        # Not line by line: the file may be foreign, with lines of any length.
        lines, digest = 0, hashlib.sha256()
        try:
            for chunk in chunks_of(new or self.file):
                lines += chunk.count(b"\n")
                digest.update(chunk)
        except FileNotFoundError:
            return {"rejected_rows": 0}
        return {
            "rejected_rows": lines,
            "quarantine": dg.MetadataValue.path(str(self.file)),
            "quarantine_sha256": digest.hexdigest(),
        }
