"""The description of a stored day, to record, check and verify it."""

import hashlib
from collections.abc import Iterable
from functools import partial
from typing import Any

from sales_assets.storage.files import open_file
from sales_assets.storage.location import Location

_CHUNK = 1 << 20


class Description:
    """Describes the files of a day, from their bytes."""

    def __init__(self) -> None:
        self._content, self._sizes = hashlib.sha256(), hashlib.sha256()
        self._bytes = 0

    def add_file(self, chunks: Iterable[bytes]) -> None:
        """Add the bytes of the next file."""
        size = 0
        for chunk in chunks:
            self._content.update(chunk)
            size += len(chunk)
        self._sizes.update(f"{size}\n".encode())
        self._bytes += size

    def metadata(self) -> dict[str, Any]:
        """Describe the files that have been added.

        Returns:
            `bytes`, `sha256` (of the concatenated files) and `sizes_sha256` (of their sizes in
            bytes, one per line). Together they identify each file: no byte has moved from one to
            the next.
        """
        return {
            "bytes": self._bytes,
            "sha256": self._content.hexdigest(),
            "sizes_sha256": self._sizes.hexdigest(),
        }


def describe(files: Iterable[Location]) -> dict[str, Any]:
    """Read all files of a day in content order, and describe them.

    Returns:
        What `Description.metadata` returns.

    Raises:
        InvalidPartitionError: A file is not a regular file.
    """
    description = Description()
    for path in files:
        with open_file(path) as file:
            description.add_file(iter(partial(file.read, _CHUNK), b""))
    return description.metadata()
