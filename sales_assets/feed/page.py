"""A page of a feed: its bytes as they came, and the rows in them.

Rows are parsed where they are needed, and not kept: they take many times the memory of their text.
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

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
    """A page, which should be a JSON list of objects.

    Attributes:
        body: The page, byte for byte.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body

    def parts(self) -> Iterator[Part]:
        """Give the list of rows, a large one in several parts; a byte order mark is passed over.

        Raises:
            InvalidPageError: The body is not a complete JSON list.
        """
        return parts_of_page(self.body.removeprefix(codecs.BOM_UTF8))

    @property
    def rows(self) -> Iterator[Any]:
        """Parse the rows, good or bad.

        Raises:
            InvalidPageError: The body is not a complete JSON list.
        """
        return (row for part in self.parts() for row in values_of_page(part.json))

    @cached_property
    def count(self) -> int:
        """How many rows there are.

        Raises:
            InvalidPageError: The body is not a complete JSON list.
        """
        return sum(1 for _ in self.rows)

    def __repr__(self) -> str:
        return f"Page({len(self.body)} bytes)"


class PulledPage(Page):
    """A page as the API returned it, known to be a complete list of objects.

    Attributes:
        digest: Stands for the rows: the same for the same values of the same fields. An API may
            order the keys of its objects, or set white space, anew in each response, and may add
            fields that differ each time.
    """

    def __init__(self, body: bytes, fields: Sequence[str]) -> None:
        """Read a page.

        Args:
            body: The page, byte for byte.
            fields: What counts of a row when pages are compared.

        Raises:
            InvalidPageError: The body is not a complete JSON list of objects.
        """
        super().__init__(body)
        self.count = 0
        digest = hashlib.blake2b(digest_size=8)
        for part in self.parts():
            rows = values_of_page(part.json)
            for number, row in enumerate(rows, part.first):
                if not isinstance(row, dict):
                    raise NoRowsError(f"row {number} is {kind_of(row)}, not an object")
            self.count += len(rows)
            # In the same steps whether the page was parsed in parts or not.
            for start in range(0, len(rows), ROWS_PER_PART):
                digest.update(_canonical(rows[start : start + ROWS_PER_PART], fields))
        self.digest = digest.digest()


def _canonical(rows: list[Any], fields: Sequence[str]) -> bytes:
    """Write these fields of rows so that the order of keys does not matter."""
    # Rows that have all fields, and no objects in them, take an eighth of the time this way.
    try:
        text = to_json(list(map(itemgetter(*fields), rows)), inf_nan_mode="constants")
        if b"{" not in text:
            return text
    except (KeyError, ValueError):
        pass
    known = [{name: row[name] for name in fields if name in row} for row in rows]
    return json.dumps(known, sort_keys=True, separators=(",", ":")).encode()
