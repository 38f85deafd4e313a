"""Where the records lie that a day was stored without: `BASE_DIR/quarantine/NAME/DAY/`.

One file of JSON lines, which is there only while there is something in it. What makes a record bad
is not known here.

A day and its quarantine are two directories, which cannot be replaced in one step. The order is
such that a death in between can only leave too much in quarantine: bad records are put there before
the day without them is published, and go only after a day that has all of them is. Too much does no
harm, since nothing is missing, and `sales-assets verify` names it.
"""

import json
from collections.abc import Sequence
from typing import Any

import dagster as dg

from sales_assets.storage.formats import content_sha256
from sales_assets.storage.location import Location
from sales_assets.storage.replace import remove, replacing

LAYER = "quarantine"


class Quarantine:
    """The bad records of one day.

    Attributes:
        directory: Where they lie, if there are any.
        file: The only file in it.
    """

    def __init__(self, base: Location, name: str, day: str) -> None:
        """Keep them below `base`, the root of the storage."""
        self._base = base
        self.directory = base / LAYER / name / day
        self.file = self.directory / f"{name}_{day}.jsonl"

    def publish(self, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Replace the file; to be called before the day without these records is published.

        Args:
            records: What JSON can hold; one record becomes one line.

        Returns:
            What there is to know of it, as metadata of the day.
        """
        with replacing(self.directory, self._base) as new:
            file = new / self.file.name
            with file.open("w", encoding="ascii", newline="\n") as lines:
                lines.writelines(f"{json.dumps(record)}\n" for record in records)
            digest = content_sha256([file])
        return {
            "quarantine": dg.MetadataValue.path(str(self.file)),
            "quarantine_sha256": digest,
        }

    def clear(self) -> None:
        """Remove the file; to be called after a day that has all of its records is published."""
        remove(self.directory, self._base)
