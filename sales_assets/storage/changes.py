"""What a new version of a day changes compared to the one that it replaces."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from sales_assets.feed.remedy import config_json, text_of
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.files import describe
from sales_assets.storage.location import Location

FIRST, UNCHANGED = "first version", "unchanged"
"""Values for a day that replaces none, and for one with the same bytes."""

_NO_ROW = object()
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
    """Return what the files of a day, with this SHA-256, change in the day that they replace."""
    if storage.directories.state(storage.directory(key, day)) is None:
        return {"change": FIRST}
    try:
        with storage.reading(key, day) as (old, _):
            if describe(old)["sha256"] == digest:
                return {"change": UNCHANGED, "rows_added": 0, "rows_removed": 0}
            return changes(storage.format.rows(old), storage.format.rows(new))
    except Exception as error:
        # A damaged day may raise any error, and must not keep a whole one from replacing it.
        reason = " ".join(text_of(error).split())
        return {"change": f"replaces a day that could not be read: {reason}"}


def changes(old: Iterable[Any], new: Iterable[Any]) -> dict[str, Any]:
    """Count the rows that are in only one of two versions, as often as they occur.

    Both are read in parallel, so that memory holds the difference, up to a limit, and not the day.
    """
    surplus: Counter[bytes] = Counter()
    for pair in itertools.zip_longest(old, new, fillvalue=_NO_ROW):
        for row, step in zip(pair, (-1, 1), strict=True):
            if row is not _NO_ROW:
                text = json.dumps(row, sort_keys=True, default=str)
                digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
                surplus[digest] += step
                if not surplus[digest]:
                    del surplus[digest]
        if len(surplus) > _MOST:
            return {"change": f"more than {_MOST:,} rows changed or moved"}
    added, removed = (+surplus).total(), (-surplus).total()
    change = f"+{added} -{removed} rows" if surplus else "same rows, different bytes"
    return {"change": change, "rows_added": added, "rows_removed": removed}
