"""What a Dagster instance has recorded of the days of an asset, and which of the records counts.

Days are read together: one query brings a thousand records, and a query for each day would make a
year slow. What is made of the records does not belong here.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from sales_assets.feed.days import is_day
from sales_assets.feed.summary import PAGE_ROWS

_AT_ONCE = 1000
"""The most records that Dagster returns at once."""

STAMP = "stamp"
"""Metadata: orders the records of a day; later than the stamp of every record that it replaces."""

MADE_FROM = "made_from_sha256"
"""Metadata: SHA-256 of the upstream day that this one was made from; empty if that is unknown."""

MATERIALIZATION = "materialization"
"""Beside the metadata: which materialization they belong to, for evaluations of checks."""

_STORED_AT = "stored_at"
"""What orders the records of earlier versions: when the day was stored, by a wall clock."""

Recorded = Mapping[str, Any]


def recorded_days(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    is_here: Callable[[str, str], bool],
    days: Collection[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Fetch the record of each day that counts: the one with the latest stamp.

    A record counts only for the storage that its path names. One without our metadata (a
    materialization that was reported by hand) does not count, nor does a partition that is not a
    day.

    Args:
        instance: Where to look.
        asset_key: The asset.
        is_here: Tells whether the recorded path of a day belongs to this storage.
        days: The days of interest; all unless given.

    Returns:
        Day to the values of its metadata; a day without a record is missing.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in _records(instance.fetch_materializations, asset_key, days):
        day, materialization = record.partition_key, record.asset_materialization
        if day is None or materialization is None or not is_day(day):
            continue
        metadata = _values(materialization.metadata)
        metadata.setdefault(STAMP, metadata.get(_STORED_AT, record.timestamp))
        metadata[MATERIALIZATION] = AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
        if not _is_ours(metadata) or not is_here(day, metadata["path"]):
            continue
        if day not in found or found[day][STAMP] < metadata[STAMP]:
            found[day] = metadata
    return found


def tried_days(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    is_here: Callable[[str, str], bool],
    days: Collection[str],
) -> set[tuple[str, str]]:
    """Find out from which upstream content it was tried to make a day, without success.

    Returns:
        Days, each with the SHA-256 of what it was to be made from.
    """
    found: set[tuple[str, str]] = set()
    for record in _records(instance.fetch_observations, asset_key, days):
        day, observation = record.partition_key, record.asset_observation
        if day is not None and observation is not None:
            metadata = _values(observation.metadata)
            path, made_from = metadata.get("path"), metadata.get(MADE_FROM)
            if isinstance(path, str) and isinstance(made_from, str) and is_here(day, path):
                found.add((day, made_from))
    return found


def next_stamp(before: Recorded | None) -> float:
    """Give the stamp of a record that replaces another, in seconds since 1970.

    This is the send rule of a hybrid logical clock (Kulkarni et al. 2014,
    https://cse.buffalo.edu/tech-reports/2014-04.pdf): the wall clock, unless that is not later than
    what is known already. So no clock that is wrong has a newer record lose to an older one.

    Args:
        before: The record that counts so far; None if there is none.
    """
    now = time.time()
    return max(now, math.nextafter(before[STAMP], math.inf)) if before else now


def is_made_from(made: Recorded, source: Recorded) -> bool:
    """Tell whether a day was made from its upstream day as that is now.

    Status, checks, `verify` and the automation all ask this.

    Args:
        made: The record of the day.
        source: The record of the upstream day.
    """
    if MADE_FROM in made:
        return bool(made[MADE_FROM] == source["sha256"])
    # A record of an earlier version, or of `verify --fix`, does not say what the day was made from.
    return bool(made[STAMP] >= source[STAMP])


def _records(
    fetch: Callable[..., Any], asset_key: dg.AssetKey, days: Collection[str] | None
) -> Iterator[dg.EventLogRecord]:
    """Fetch the records of some days, the latest first."""
    if days is not None and not days:
        return
    query = dg.AssetRecordsFilter(asset_key, asset_partitions=None if days is None else [*days])
    cursor = None
    while True:
        page = fetch(query, limit=_AT_ONCE, cursor=cursor)
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


def _values(metadata: Mapping[str, dg.MetadataValue[Any]]) -> dict[str, Any]:
    return {name: value.value for name, value in metadata.items()}


_OURS: Mapping[str, type | tuple[type, ...]] = {
    "path": str,
    "sha256": str,
    "dagster/row_count": int,
    STAMP: (int, float),
}
_OURS_OR_NOTHING: Mapping[str, type] = {
    "sizes_sha256": str,
    "rejected_rows": int,
    "quarantine_sha256": str,
    "unknown_fields": dict,
    MADE_FROM: str,
    PAGE_ROWS: dict,
}


def _is_ours(metadata: Recorded) -> bool:
    return (
        all(isinstance(metadata.get(name), kind) for name, kind in _OURS.items())
        and all(
            isinstance(metadata.get(name, kind()), kind) for name, kind in _OURS_OR_NOTHING.items()
        )
        and math.isfinite(metadata[STAMP])
    )
