"""Runs of the sales assets in this process, on a storage of the test's own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.sales import FEED
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.feeds import layers_of, storage_of
from sales_assets_tests.helpers.rows import DAY

BOTH = (raw_sales, stg_sales)


def sales_resources(base: Path, url: str, **fields: Any) -> dict[str, Any]:
    """Wire the sales assets to an API and a storage; `fields` are those of the API."""
    return {
        "sales_api": SalesApi(url=url, **fields),
        **storage_of([FEED], str(base)),
    }


def sales_layers(base: Path) -> list[Layer]:
    """Give both layers of a storage, to be compared with what was recorded of them."""
    return layers_of(FEED, storage_of([FEED], str(base)))


def range_tags(first: str, last: str) -> dict[str, str]:
    """Give the tags of a run of several days."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def materialize(
    base: Path,
    url: str,
    first: str = DAY,
    last: str | None = None,
    *,
    assets: Sequence[dg.AssetsDefinition] = BOTH,
    allowed: int = 0,
    instance: dg.DagsterInstance | None = None,
    **fields: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize a day, or a range.

    Args:
        base: Root of the storage.
        url: The address of the API.
        first: The day.
        last: The last day of a range.
        assets: Which of the two.
        allowed: How many rows stg_sales may reject.
        instance: One in memory unless given.
        fields: More fields of the API.

    Raises:
        Exception: What the run failed with.
    """
    config: dict[str, Any] = {"config": {"max_rejected_rows": allowed}}
    return dg.materialize(
        [asset if asset in assets else asset.to_source_asset() for asset in BOTH],
        partition_key=None if last else first,
        tags=range_tags(first, last) if last else {},
        resources=sales_resources(base, url, **fields),
        run_config=dg.RunConfig({"stg_sales": config} if stg_sales in assets else {}),
        instance=instance,
    )
