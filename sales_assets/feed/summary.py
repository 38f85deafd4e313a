"""What the metadata of a day says about its rows and pages."""

from collections.abc import Iterable, Sequence
from typing import Any

PAGE_ROWS = "page_rows"
"""Name of the metadata with the row counts of the pages."""

_NUMBERS = frozenset((int, float))
_TOO_MUCH = 2**63


class Summary:
    """Counts the rows of a day, and sums up a column, whose JSON key may differ."""

    def __init__(self, sum_of: str, key: str = "") -> None:
        self._column = sum_of
        self._key = key or sum_of
        self._rows = 0
        self._sum: float = 0

    def add(self, rows: Iterable[Any]) -> None:
        """Add the rows of one more page; they may be invalid, but are objects."""
        for row in rows:
            self._rows += 1
            value = row.get(self._key)
            if type(value) in _NUMBERS and -_TOO_MUCH < value < _TOO_MUCH:
                self._sum += value

    def metadata(self) -> dict[str, Any]:
        """Return the metadata under the names that Dagster and its UI know."""
        return {"dagster/row_count": self._rows, f"{self._column}_sum": self._sum}


def page_rows(counts: Sequence[int]) -> dict[str, Any]:
    """Summarize the row counts of a day's pages: a page that is not full may lack rows.

    Args:
        counts: The rows of each page.

    Returns:
        The number of `pages`, the rows of the `first` and the `last` one, and the first `odd` one
        (its number `page`, and `rows`): a page with more rows than page 1, or with fewer though it
        is not the last. `odd` is empty if there is none.
    """
    first, last = (counts[0], counts[-1]) if counts else (0, 0)
    odd = (
        {"page": page, "rows": rows}
        for page, rows in enumerate(counts, 1)
        if rows > first or (rows < first and page < len(counts))
    )
    return {"pages": len(counts), "first": first, "last": last, "odd": next(odd, {})}
