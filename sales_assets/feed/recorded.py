"""What the Dagster instance has recorded of the days of an asset.

Days are read together: one query brings a thousand of them, and a query for each day would make a
year slow. What is made of the records does not belong here.
"""

from collections.abc import Collection
from typing import Any

import dagster as dg

_AT_ONCE = 1000
"""Records that Dagster gives at once, at most."""


def recorded_days(
    instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Fetch the latest materialization of each day.

    Args:
        instance: Where to look.
        asset_key: The asset.
        days: The days of interest; all unless given.

    Returns:
        Day to the values of its metadata; a day that was never recorded is not there.
    """
    query = dg.AssetRecordsFilter(asset_key, asset_partitions=None if days is None else [*days])
    found: dict[str, dict[str, Any]] = {}
    cursor = None
    while days is None or len(found) < len(days):
        page = instance.fetch_materializations(query, limit=_AT_ONCE, cursor=cursor)
        # The latest come first.
        for record in page.records:
            materialization = record.asset_materialization
            if materialization is not None and record.partition_key is not None:
                metadata = {name: value.value for name, value in materialization.metadata.items()}
                found.setdefault(record.partition_key, metadata)
        if not page.has_more:
            break
        cursor = page.cursor
    return found
