"""What a Dagster instance records of a day, and which of its records is current."""

import math
import time
from collections.abc import Mapping
from typing import Any

from sales_assets.feed.daily import PAGE_ROWS

STAMP = "stamp"
"""Metadata: orders the records of a day; later than the stamps of all records it replaces."""

MADE_FROM = "made_from_sha256"
"""Metadata: SHA-256 of the upstream day that this one was made from; empty if unknown."""

MATERIALIZATION = "materialization"
"""In addition to the metadata: its materialization, for check evaluations."""

_REQUIRED: Mapping[str, type | tuple[type, ...]] = {
    "sha256": str,
    "dagster/row_count": int,
    STAMP: (int, float),
}
_TYPES = {
    **_REQUIRED,
    "sizes_sha256": str,
    "rejected_rows": int,
    "quarantine_sha256": str,
    "unknown_fields": dict,
    MADE_FROM: str,
    PAGE_ROWS: dict,
}

Record = Mapping[str, Any]


def next_stamp(before: Record | None) -> float:
    """Return the stamp of a record that replaces another, if any, in seconds since 1970.

    This is the send rule of a hybrid logical clock (Kulkarni et al. 2014,
    https://cse.buffalo.edu/tech-reports/2014-04.pdf): the wall clock, unless it is not later than
    the known stamp. Thus a wrong clock cannot make a newer record lose to an older one.
    """
    now = time.time()
    return max(now, math.nextafter(before[STAMP], math.inf)) if before else now


def is_made_from(made: Record, source: Record) -> bool:
    """Return whether a day was made from its current upstream day, by the records of both.

    Status, checks, `verify` and the automation all use this.
    """
    if MADE_FROM in made:
        return bool(made[MADE_FROM] == source["sha256"])
    # Records of earlier versions, or of `verify --fix`, lack what the day was made from.
    return bool(made[STAMP] >= source[STAMP])


def is_ours(metadata: Record) -> bool:
    """Return whether a record has our metadata; one that was reported by hand may have any."""
    return (
        metadata.keys() >= _REQUIRED.keys()
        and all(isinstance(metadata[name], _TYPES[name]) for name in metadata.keys() & _TYPES)
        and math.isfinite(metadata[STAMP])
    )
