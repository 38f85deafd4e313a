"""The records that a Dagster instance has of an asset's days, and which of them is current.

Days are read together: one query returns a thousand records, and a query per day would make a year
slow. How the records are used does not belong here.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import dagster as dg

from sales_assets.feed.daily import PAGE_ROWS
from sales_assets.feed.days import parse_day
from sales_assets.storage.location import Location, leads_to

_AT_ONCE = 1000
"""The maximum number of records that Dagster returns at once."""

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


def events_of_days(
    fetch: Callable[..., Any],
    asset_key: dg.AssetKey,
    directory_of: Callable[[dg.AssetKey, str], Location],
    days: Collection[str] | None = None,
) -> Iterator[tuple[str, dict[str, Any], dg.EventLogRecord]]:
    """Fetch what is recorded of days, or of all days, in the storage that its path names.

    Yields:
        The day, the values of the metadata, and the event; the latest first.
    """
    has_more, cursor = days is None or len(days) > 0, None
    query = dg.AssetRecordsFilter(asset_key, asset_partitions=None if days is None else [*days])
    while has_more:
        page = fetch(query, limit=_AT_ONCE, cursor=cursor)
        for event in page.records:
            day, told = event.partition_key, event.asset_materialization or event.asset_observation
            if day is not None and told is not None and parse_day(day):
                metadata = {name: value.value for name, value in told.metadata.items()}
                path = metadata.get("path")
                if isinstance(path, str) and leads_to(path, directory_of(asset_key, day)):
                    yield day, metadata, event
        has_more, cursor = page.has_more, page.cursor
