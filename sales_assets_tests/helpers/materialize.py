"""Runs of a feed in this process, on a storage of the test's own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from sales_assets.feed.declaration import Feed
from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.feeds import layers_of, storage_of
from sales_assets_tests.helpers.rows import DAY

BOTH = (raw_sales, stg_sales)


def resources_of(feed: Feed, base: Path, url: str, **fields: Any) -> dict[str, Any]:
    """Wire a feed to an API and a storage; `fields` are those of the API."""
    return {f"{feed.name}_api": feed.api(url=url, **fields), **storage_of([feed], str(base))}


def sales_layers(base: Path) -> list[Layer]:
    """Give both layers of a storage, to be compared with what was recorded of them."""
    return layers_of(FEED, storage_of([FEED], str(base)))


def range_tags(first: str, last: str) -> dict[str, str]:
    """Give the tags of a run of several days."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def run_feed(
    feed: Feed,
    resources: Mapping[str, Any],
    instance: dg.DagsterInstance | None,
    first: str = DAY,
    last: str | None = None,
    selection: dg.AssetSelection | None = None,
    *,
    allowed: int = 0,
    raise_on_error: bool = True,
) -> dg.ExecuteInProcessResult:
    """Materialize and check a day or a range of a feed, or what is selected of that."""
    definitions = dg.Definitions(
        assets=[feed.raw, feed.stg],
        asset_checks=feed.checks,
        jobs=[dg.define_asset_job(feed.name, selection or dg.AssetSelection.all())],
        resources=resources,
    )
    config = {f"stg_{feed.name}": {"config": {"max_rejected_rows": allowed}}} if allowed else {}
    return definitions.resolve_job_def(feed.name).execute_in_process(
        run_config=dg.RunConfig(config),
        instance=instance,
        partition_key=None if last else first,
        tags=range_tags(first, last) if last else {},
        raise_on_error=raise_on_error,
    )


def materialize(
    base: Path,
    url: str,
    first: str = DAY,
    last: str | None = None,
    *,
    feed: Feed = FEED,
    assets: Sequence[dg.AssetsDefinition] = BOTH,
    allowed: int = 0,
    instance: dg.DagsterInstance | None = None,
) -> None:
    """Materialize a day or a range without checking it; it hardly waits between attempts."""
    selection = dg.AssetSelection.assets(*assets).without_checks()
    resources = resources_of(feed, base, url, backoff=0.001)
    run_feed(feed, resources, instance, first, last, selection, allowed=allowed)
