"""A feed wired as the code location does it, on a storage of its own."""

from pathlib import Path

import dagster as dg

from sales_assets.feed.declaration import Feed
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.materialize import range_tags

Storage = dict[str, PartitionDirectoryIOManager]


def storage_of(feed: Feed, base: Path) -> Storage:
    """Give the IO managers of a feed, by their keys."""
    pages, rows = JsonPages(feed.api.rows_at), AvroFile(feed.api.row.avro)
    return {
        feed.pages_key: PartitionDirectoryIOManager(str(base), pages),
        feed.rows_key: PartitionDirectoryIOManager(str(base), rows, has_quarantine=True),
    }


def layers_of(feed: Feed, storage: Storage) -> list[Layer]:
    """Give what is compared with the records."""
    raw = Layer(feed.raw.key, feed.days, storage[feed.pages_key])
    return [raw, Layer(feed.stg.key, feed.days, storage[feed.rows_key], made_from=raw)]


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
