"""A page of a feed: its bytes as received, and the rows in them.

Rows are parsed when they are needed, and not kept: they take many times the memory of their text.
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import to_json

from sales_assets.feed.json_rows import (
    ROWS_PER_PART,
    NoRowsError,
    Part,
    kind_of,
    parts_of_page,
    values_of_page,
)


class Page:
    """A page, which should contain a list of objects.

    Args:
        body: The page, byte for byte.
        rows_at: The keys that lead to the list, as in `data.items`; empty if the page is the list.
    """

    def __init__(self, body: bytes, rows_at: str = "") -> None:
        self.body = body
        self._path = rows_at.split(".") if rows_at else []

    @classmethod
    def empty(cls, rows_at: str = "") -> "Page":
        """Make a page without rows."""
        value: object = []
        for key in reversed(rows_at.split(".") if rows_at else []):
            value = {key: value}
        return cls(json.dumps(value).encode(), rows_at)

    def parts(self, around: dict[str, Any] | None = None) -> Iterator[Part]:
        """Yield the list of rows, a large one in several parts; a byte order mark is skipped.

        Args:
            around: Receives the other values in the page; of a list, only the first.

        Raises:
            InvalidPageError: The body is not complete JSON, or has no list there.
        """
        return parts_of_page(self.body.removeprefix(codecs.BOM_UTF8), self._path, around)

    @property
    def rows(self) -> Iterator[Any]:
        """Parse the rows, valid or not; raises as `parts` does."""
        return (row for part in self.parts() for row in values_of_page(part.json))

    @cached_property
    def count(self) -> int:
        """Return the number of rows; raises as `parts` does."""
        return sum(1 for _ in self.rows)

    def __repr__(self) -> str:
        return f"Page({len(self.body)} bytes)"


class Request(NamedTuple):
    """The request for a page: parameters in addition to those of the day, or a whole address."""

    parameters: Mapping[str, str] = {}
    address: str = ""


class PulledPage(Page):
    """A page as the API returned it, verified to contain a complete list of objects.

    Attributes:
        around: The values in the page other than the rows; of a list, only the first.
        last_row: The last row; empty if there is none.
        total: The row count of the day, if the API reports it.
        following: The request for the next page, or whether there is one; None if the page does
            not say.
        digest: Digest of the contract's fields of the rows. It ignores key order, white space and
            other fields, all of which may differ in each response.

    Args:
        body: The page, byte for byte.
        fields: The fields by which pages are compared.
        rows_at: The keys that lead to the list.

    Raises:
        InvalidPageError: The body is not complete JSON, or has no list of objects there.
    """

    def __init__(self, body: bytes, fields: Sequence[str], rows_at: str = "") -> None:
        super().__init__(body, rows_at)
        self.around: dict[str, Any] = {}
        self.last_row: dict[str, Any] = {}
        self.total: int | None = None
        self.following: Request | bool | None = None
        self.count = 0
        digest = hashlib.blake2b(digest_size=8)
        for part in self.parts(self.around):
            rows = values_of_page(part.json)
            for number, row in enumerate(rows, part.first):
                if not isinstance(row, dict):
                    raise NoRowsError(f"row {number} is {kind_of(row)}, not an object")
                self.last_row = row
            self.count += len(rows)
            # In the same chunks whether or not the page was parsed in parts.
            for start in range(0, len(rows), ROWS_PER_PART):
                digest.update(_canonical(rows[start : start + ROWS_PER_PART], fields))
        self.digest = digest.digest()


def _canonical(rows: list[Any], fields: Sequence[str]) -> bytes:
    """Serialize these fields of rows, independent of key order."""
    # For rows with all fields and no nested objects, this takes an eighth of the time.
    try:
        text = to_json(list(map(itemgetter(*fields), rows)), inf_nan_mode="constants")
        if b"{" not in text:
            return text
    except (KeyError, ValueError):
        pass
    known = [{name: row[name] for name in fields if name in row} for row in rows]
    return json.dumps(known, sort_keys=True, separators=(",", ":")).encode()
