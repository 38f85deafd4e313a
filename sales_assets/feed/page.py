"""A page of a feed: its bytes as received, and the rows in them.

Rows are parsed when they are needed, and not kept: they take many times the memory of their text.
"""

import codecs
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sales_assets.feed.json_rows import WrongShapeError, kind_of, texts_of_rows, values_of_page

LARGE_PAGE = 1 << 20
"""Page size in bytes above which it is parsed in parts."""

ROWS_PER_PART = 1000


class Page:
    """The bytes of a page, and the keys that lead to its list of rows, as in `data.items`."""

    def __init__(self, body: bytes, rows_at: str = "") -> None:
        self.body = body
        self._path = rows_at.split(".") if rows_at else []

    def parts(self, around: dict[str, Any] | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield the list of rows as JSON, after the number of its first row; in parts if large.

        `around` and the errors raised are those of `texts_of_rows`.
        """
        body = self.body.removeprefix(codecs.BOM_UTF8)
        if not self._path and len(body) <= LARGE_PAGE:
            yield 1, body
            return
        texts = texts_of_rows(body, self._path, {} if around is None else around)
        first = 1
        while part := list(islice(texts, ROWS_PER_PART)):
            yield first, f"[{','.join(part)}]".encode("utf-8", "surrogateescape")
            first += len(part)

    @property
    def rows(self) -> Iterator[Any]:
        """Parse the rows, valid or not; raises as `parts` does."""
        return (row for _, part in self.parts() for row in values_of_page(part))

    @property
    def count(self) -> int:
        """Count the rows; raises as `parts` does."""
        return sum(1 for _ in self.rows)


class Request(NamedTuple):
    """The request for a page: parameters in addition to those of the day, or a whole address."""

    parameters: Mapping[str, str] = {}
    address: str = ""


class PulledPage(Page):
    """A page as the API returned it, verified to contain a complete list of objects.

    Attributes:
        around: The other values in the page; of a list, only the first.
        last_row: The last row; empty if there is none.
        total: The row count of the day, if the API reports it.
        following: The request for the next page, or whether there is one; None if the page does
            not say.
        digest: Digest of some fields of the rows. It ignores key order, white space and other
            fields, all of which may differ in each response.

    Raises:
        InvalidPageError: The body is not complete JSON, or has no list of objects there.
    """

    count = 0

    def __init__(self, body: bytes, fields: Sequence[str], rows_at: str = "") -> None:
        super().__init__(body, rows_at)
        self.around: dict[str, Any] = {}
        self.last_row: dict[str, Any] = {}
        self.total: int | None = None
        self.following: Request | bool | None = None
        digest = hashlib.blake2b(digest_size=8)
        for first, part in self.parts(self.around):
            rows = values_of_page(part)
            for number, row in enumerate(rows, first):
                if not isinstance(row, dict):
                    raise WrongShapeError(f"row {number} is {kind_of(row)}, not an object")
                self.last_row = row
            self.count += len(rows)
            # A missing field is not the same as null; no valid field is an object.
            values = [[row.get(field, {}) for field in fields] for row in rows]
            compared = json.dumps(values, sort_keys=True)
            # Without the brackets, the parts of a page make the same text as the whole.
            digest.update(f"{compared[1:-1]}, ".encode())
        self.digest = digest.digest()
