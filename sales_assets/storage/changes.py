"""What a new version of a day changes compared to the one that it replaces.

Rows are compared regardless of order. When one version replaces another does not belong here.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from sales_assets.feed.remedy import config_json, one_line
from sales_assets.storage.day_directories import DayDirectories, MissingPartitionError
from sales_assets.storage.location import Location
from sales_assets.storage.stored_day import describe

FIRST, UNCHANGED = "first version", "unchanged"
"""Values for a day that replaces none, and for one with the same bytes."""

_END = object()
_MOST = 100_000
"""Maximum number of rows to remember: about 20 MB."""


class KeptRowsError(dg.Failure):
    """A day that is only assumed to be empty would replace one that has rows."""

    def __init__(self, asset: str, day: str) -> None:
        config = config_json(asset, allow_empty_day=True, replace_rows=True)
        super().__init__(
            f"{day}: the API has no data for this day, but the stored day has rows, which were "
            "kept: allow_empty_day alone does not replace rows. If this day really has no rows "
            f"anymore, configure the run: {config}"
        )


def change(
    storage: DayDirectories, key: dg.AssetKey, day: str, new: Sequence[Location], digest: str
) -> dict[str, Any]:
    """Return what a day that is about to be published changes in the one it replaces.

    Args:
        storage: Where the day is stored.
        key: The asset.
        day: The day.
        new: The files of the new version.
        digest: Their SHA-256.
    """
    if storage.directories.state(storage.directory(key, day)) is None:
        return {"change": FIRST}
    try:
        with storage.files(key, day) as old:
            if describe(old)["sha256"] == digest:
                return {"change": UNCHANGED, "rows_added": 0, "rows_removed": 0}
            return changes(storage.format.rows(old), storage.format.rows(new))
    except Exception as error:
        # A damaged day may raise any error, and must not keep a whole one from replacing it.
        return {"change": f"replaces a day that could not be read: {one_line(error)}"}


def require_no_rows(storage: DayDirectories, key: dg.AssetKey, day: str) -> None:
    """Require that a stored day has no rows, before a day assumed to be empty replaces it.

    Raises:
        KeptRowsError: It has rows, or cannot be read and may have some.
    """
    try:
        with storage.files(key, day) as files:
            has_rows = storage.format.count_rows(files) > 0
    except MissingPartitionError:
        return
    except Exception:
        # A damaged day may raise any error.
        has_rows = True
    if has_rows:
        raise KeptRowsError(key.to_user_string(), day)


def changes(old: Iterable[Any], new: Iterable[Any]) -> dict[str, Any]:
    """Count the rows that are in only one of the two versions.

    Both are read in parallel, and a row is dropped once both have had it, so that memory holds the
    difference instead of the day.

    Args:
        old: The existing rows.
        new: The rows that replace them; equal rows count as often as they occur.

    Returns:
        Metadata for the new version. Rows are counted as long as at most 100,000 of them have to
        be remembered.
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
    change = f"+{added} -{removed} rows" if added or removed else "same rows, different bytes"
    return {"change": change, "rows_added": added, "rows_removed": removed}


def _digest(row: Any) -> bytes:
    text = json.dumps(row, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
