"""What the metadata of a day says about its rows and pages."""

from collections.abc import Iterable, Sequence
from typing import Any

PAGE_ROWS = "page_rows"
"""Name of the metadata with the row counts of the pages."""

_NUMBERS = frozenset((int, float))
_TOO_MUCH = 2**63


def column_sum(rows: Iterable[Any], key: str) -> float:
    """Add up a column of rows, which may be invalid, but are objects; only plain numbers count."""
    total: float = 0
    for row in rows:
        value = row.get(key)
        if type(value) in _NUMBERS and -_TOO_MUCH < value < _TOO_MUCH:
            total += value
    return total


def page_rows(counts: Sequence[int]) -> dict[str, Any]:
    """Summarize the row counts of a day's pages: a page that is not full may lack rows.

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
