"""What a new version of a day changes against the one that it replaces.

Rows are compared without regard to their order. Where versions lie and when one replaces another
does not belong here.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

FIRST, UNCHANGED = "first version", "unchanged"
"""What is said of a day that replaces none, and of one with the same bytes."""

_END = object()
_MOST = 100_000
"""Rows that are remembered, at most: some 20 MB."""


def changes(old: Iterable[Any], new: Iterable[Any]) -> dict[str, Any]:
    """Count the rows that are in one version and not in the other.

    Both are read side by side, and a row is forgotten once both have had it, so that memory holds
    the difference and not the day.

    Args:
        old: The rows that were there.
        new: The rows that replace them; equal rows count as often as they occur.

    Returns:
        Metadata for the new version. Rows are counted as long as no more than 100,000 of them
        have to be remembered.
    """
    surplus: Counter[bytes] = Counter()

    def count(row: Any, step: int) -> None:
        if row is not _END:
            key = _digest(row)
            surplus[key] += step
            if not surplus[key]:
                del surplus[key]

    for before, after in itertools.zip_longest(old, new, fillvalue=_END):
        count(before, -1)
        count(after, 1)
        if len(surplus) > _MOST:
            return {"change": f"more than {_MOST:,} rows changed or moved"}
    added = sum(number for number in surplus.values() if number > 0)
    removed = -sum(number for number in surplus.values() if number < 0)
    change = f"+{added} -{removed} rows" if added or removed else "same rows, other bytes"
    return {"change": change, "rows_added": added, "rows_removed": removed}


def _digest(row: Any) -> bytes:
    text = json.dumps(row, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
