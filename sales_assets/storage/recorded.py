"""What the Dagster instance has recorded of the days of an asset.

Days are read together: one query brings a thousand records, and a query for each day would make a
year slow. What is made of the records does not belong here.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from sales_assets.feed.days import is_day
from sales_assets.feed.page_rows import PAGE_ROWS

_AT_ONCE = 1000
"""Records that Dagster gives at once, at most."""

STORED_AT = "stored_at"
"""Metadata: when the day was put in its place, in seconds since 1970."""

MATERIALIZATION = "materialization"
"""Beside the metadata: which materialization they are of, for evaluations of checks."""

Recorded = Mapping[str, Any]


def recorded_days(
    instance: dg.DagsterInstance,
    asset_key: dg.AssetKey,
    is_here: Callable[[str, str], bool],
    days: Collection[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Fetch what was recorded of each day when it was stored last.

    That need not be the latest record: a range records its days when it ends, and another run may
    have replaced one of them meanwhile. A record counts only for the storage that its path names.
    One without our metadata (a materialization that was reported by hand) does not count, nor does
    a partition that is not a day.

    Args:
        instance: Where to look.
        asset_key: The asset.
        is_here: Tells of a day and the path that was recorded whether that is of this storage.
        days: The days of interest; all unless given.

    Returns:
        Day to the values of its metadata; a day that was never recorded is not there.
    """
    if days is not None and not days:
        return {}
    query = dg.AssetRecordsFilter(asset_key, asset_partitions=None if days is None else [*days])
    found: dict[str, dict[str, Any]] = {}
    cursor = None
    while True:
        page = instance.fetch_materializations(query, limit=_AT_ONCE, cursor=cursor)
        # The latest come first.
        for record in page.records:
            day, materialization = record.partition_key, record.asset_materialization
            if day is None or materialization is None or not is_day(day):
                continue
            metadata: dict[str, Any] = {
                name: value.value for name, value in materialization.metadata.items()
            }
            metadata.setdefault(STORED_AT, record.timestamp)
            metadata[MATERIALIZATION] = AssetCheckEvaluationTargetMaterializationData(
                storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
            )
            if not _is_ours(metadata) or not is_here(day, metadata["path"]):
                continue
            if day not in found or found[day][STORED_AT] < metadata[STORED_AT]:
                found[day] = metadata
        if not page.has_more:
            return found
        cursor = page.cursor


_OURS: Mapping[str, type | tuple[type, ...]] = {
    "path": str,
    "sha256": str,
    "dagster/row_count": int,
    STORED_AT: (int, float),
}
_OURS_OR_NOTHING: Mapping[str, type] = {
    "sizes_sha256": str,
    "rejected_rows": int,
    "quarantine_sha256": str,
    "unknown_fields": dict,
    PAGE_ROWS: dict,
}


def _is_ours(metadata: Recorded) -> bool:
    return all(isinstance(metadata.get(name), kind) for name, kind in _OURS.items()) and all(
        isinstance(metadata.get(name, kind()), kind) for name, kind in _OURS_OR_NOTHING.items()
    )
