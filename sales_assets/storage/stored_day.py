"""What is said of a stored day, when it is recorded, checked and verified."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from sales_assets.storage.files import open_file
from sales_assets.storage.location import Location

_CHUNK = 1 << 20


class Description:
    """Describes the files of a day, from their bytes."""

    def __init__(self) -> None:
        """Begin without any file."""
        self._content, self._sizes = hashlib.sha256(), hashlib.sha256()
        self._bytes = 0

    def add_file(self, chunks: Iterable[bytes]) -> None:
        """Take the bytes of the next file."""
        size = 0
        for chunk in chunks:
            self._content.update(chunk)
            size += len(chunk)
        self._sizes.update(f"{size}\n".encode())
        self._bytes += size

    def metadata(self) -> dict[str, Any]:
        """Describe the files that have been added.

        Returns:
            `bytes`, `sha256` (of the files one after the other, as if they were one) and
            `sizes_sha256` (of their sizes in bytes, one a line). With both, each file is known:
            not a byte has moved from one to the next.
        """
        return {
            "bytes": self._bytes,
            "sha256": self._content.hexdigest(),
            "sizes_sha256": self._sizes.hexdigest(),
        }


def describe(files: Iterable[Location]) -> dict[str, Any]:
    """Describe the files of a day, having read all of them in the order of their content.

    Returns:
        What `Description.metadata` returns.

    Raises:
        InvalidPartitionError: Something in the place of a file is not one.
    """
    description = Description()
    for path in files:
        with open_file(path) as file:
            description.add_file(iter(partial(file.read, _CHUNK), b""))
    return description.metadata()


class Discrepancy(NamedTuple):
    """Something in which a stored day is not as recorded.

    Attributes:
        kind: In a word or two.
        detail: What exactly, and what to do.
    """

    kind: str
    detail: str


def discrepancies(
    recorded: Mapping[str, Any], stored: Mapping[str, Any], rows: int
) -> Iterator[Discrepancy]:
    """Compare what is stored of a day with what was recorded of it.

    Args:
        recorded: Metadata of its materialization.
        stored: Its description, by `describe`.
        rows: How many rows it has.
    """
    if recorded["sha256"] != stored["sha256"]:
        yield Discrepancy(
            "bytes changed",
            "the content is not what was recorded "
            f"({stored['bytes']} bytes with SHA-256 {stored['sha256'][:12]}..., recorded "
            f"{recorded.get('bytes')} with {recorded['sha256'][:12]}...): materialize it again",
        )
    elif recorded.get("sizes_sha256", stored["sizes_sha256"]) != stored["sizes_sha256"]:
        yield Discrepancy(
            "bytes changed",
            "the content is not what was recorded (bytes have moved from one file to another): "
            "materialize it again",
        )
    if recorded["dagster/row_count"] != rows:
        yield Discrepancy(
            "rows differ", f"{rows} rows are stored, {recorded['dagster/row_count']} recorded"
        )
