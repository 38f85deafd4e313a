"""Where the records lie that a day was stored without: `BASE_DIR/quarantine/NAME/DAY/`.

One file of JSON lines, which is there only while there is something in it. What makes a record bad
is not known here.

A day and its quarantine are two directories, which are replaced one after the other, with nobody
else in between. The order is such that a death in between can only leave too much in quarantine:
bad records are put there before the day without them is published, and go only after a day that
has all of them is. Too much does no harm, since nothing is missing, and `sales-assets verify` names
it.
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

# What is there may be of somebody else, and one line of any length.
_CHUNK = 1 << 20


class Quarantine:
    """The bad records of one day.

    Attributes:
        directory: Where they lie, if there are any.
        file: The only file in it.
    """

    def __init__(self, directory: Location, stem: str) -> None:
        """Keep them in this directory, in `STEM.jsonl`."""
        self.directory = directory
        self.file = directory / f"{stem}.jsonl"

    def write(self, records: Iterable[Mapping[str, Any]], directory: Path) -> dict[str, Any]:
        """Write the file into a new directory; no file for no records.

        Args:
            records: What JSON can hold; one record becomes one line.
            directory: Empty, and going to be put in place.

        Returns:
            What there is to know of it, as metadata of the day.
        """
        lines = [f"{json.dumps(record)}\n" for record in records]
        if not lines:
            return {}
        file = directory / self.file.name
        file.write_text("".join(lines), encoding="ascii", newline="\n")
        return self._metadata(file)

    def stored(self) -> dict[str, Any]:
        """Give the same metadata of the file that is there; nothing if there is none.

        Raises:
            InvalidPartitionError: Something in its place is not a file.
        """
        try:
            return self._metadata(self.file)
        except FileNotFoundError:
            return {}

    def count(self) -> int:
        """Count the records; 0 if there is no file.

        Raises:
            InvalidPartitionError: Something in its place is not a file.
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
