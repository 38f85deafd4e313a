"""The records that a Dagster instance has of an asset's days, and which of them is current.

Days are read together: one query returns a thousand records, and a query per day would make a year
slow. How the records are used does not belong here.
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
"""The maximum number of records that Dagster returns at once."""

STAMP = "stamp"
"""Metadata: orders the records of a day; later than the stamps of all records it replaces."""

MADE_FROM = "made_from_sha256"
"""Metadata: SHA-256 of the upstream day that this one was made from; empty if unknown."""

MATERIALIZATION = "materialization"
"""In addition to the metadata: its materialization, for check evaluations."""

_STORED_AT = "stored_at"
"""Orders the records of earlier versions: wall-clock time when the day was stored."""

Record = Mapping[str, Any]


def recorded_days(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    is_here: Callable[[str, str], bool],
    days: Collection[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Fetch the current record of each day: the one with the latest stamp.

    A record counts only for the storage that its path names. Records without our metadata
    (materializations reported by hand) and partitions that are not days are ignored.

    Args:
        instance: The instance to query.
        asset_key: The asset.
        is_here: Returns whether the recorded path of a day belongs to this storage.
        days: The days of interest; all unless given.

    Returns:
        The metadata values by day; a day without a record is missing.
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
    """Fetch the upstream content from which making a day has failed.

    Returns:
        Days, each with the SHA-256 of its upstream content.
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


def next_stamp(before: Record | None) -> float:
    """Return the stamp of a record that replaces another, in seconds since 1970.

    This is the send rule of a hybrid logical clock (Kulkarni et al. 2014,
    https://cse.buffalo.edu/tech-reports/2014-04.pdf): the wall clock, unless it is not later than
    the known stamp. Thus a wrong clock cannot make a newer record lose to an older one.

    Args:
        before: The current record; None if there is none.
    """
    now = time.time()
    return max(now, math.nextafter(before[STAMP], math.inf)) if before else now


def is_made_from(made: Record, source: Record) -> bool:
    """Return whether a day was made from its current upstream day.

    Status, checks, `verify` and the automation all use this.

    Args:
        made: The record of the day.
        source: The record of the upstream day.
    """
    if MADE_FROM in made:
        return bool(made[MADE_FROM] == source["sha256"])
    # Records of earlier versions, or of `verify --fix`, lack what the day was made from.
    return bool(made[STAMP] >= source[STAMP])


def _records(
    fetch: Callable[..., Any], asset_key: dg.AssetKey, days: Collection[str] | None
) -> Iterator[dg.EventLogRecord]:
    """Fetch the records of some days, latest first."""
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


def _is_ours(metadata: Record) -> bool:
    return (
        all(isinstance(metadata.get(name), kind) for name, kind in _OURS.items())
        and all(
            isinstance(metadata.get(name, kind()), kind) for name, kind in _OURS_OR_NOTHING.items()
        )
        and math.isfinite(metadata[STAMP])
    )
