"""A feed wired as the code location does it, on a storage of its own."""

import dagster as dg

from sales_assets.feed.declaration import Feed
from sales_assets.storage.feeds import Storage
from sales_assets_tests.helpers.materialize import range_tags


def run_feed(
    feed: Feed,
    storage: Storage,
    url: str,
    instance: dg.DagsterInstance,
    first: str,
    last: str | None = None,
    allowed: int = 0,
) -> dg.ExecuteInProcessResult:
    """Materialize a day or a range of a feed, and check it."""
    definitions = dg.Definitions(
        assets=[feed.raw, feed.stg],
        asset_checks=[*feed.checks],
        jobs=[dg.define_asset_job("all", dg.AssetSelection.all())],
        resources={f"{feed.name}_api": feed.api(url=url), **storage},
    )
    return definitions.resolve_job_def("all").execute_in_process(
        run_config=dg.RunConfig({f"stg_{feed.name}": {"config": {"max_rejected_rows": allowed}}}),
        instance=instance,
        partition_key=None if last else first,
        tags=range_tags(first, last) if last else {},
    )
