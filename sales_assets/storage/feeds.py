"""The storage of feeds: the IO managers of their assets, and their layers."""

from collections.abc import Sequence

from sales_assets.feed.declaration import Feed
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages

Storage = dict[str, PartitionDirectoryIOManager]


def storage_of(feeds: Sequence[Feed], base_dir: str) -> Storage:
    """Make the IO managers of feeds, by their keys.

    Feeds whose rows are in the same place of a page may share the key of their pages.

    Raises:
        ValueError: Two feeds have the same name, or use one key for different things.
    """
    storage: Storage = {}
    used: dict[str, str] = {}
    for number, feed in enumerate(feeds):
        if any(feed.name == other.name for other in feeds[:number]):
            raise ValueError(f"two feeds are named {feed.name}: rename the assets of one")
        for key, use in (
            (feed.pages_key, f"pages with rows_at={feed.api.rows_at!r}"),
            (feed.rows_key, f"the rows of {feed.name}"),
        ):
            if used.setdefault(key, use) != use:
                raise ValueError(
                    f"feed {feed.name}: another feed uses the IO manager {key} for {used[key]}: "
                    "give its assets their own io_manager_key"
                )
        storage[feed.pages_key] = PartitionDirectoryIOManager(base_dir, JsonPages(feed.api.rows_at))
        storage[feed.rows_key] = PartitionDirectoryIOManager(
            base_dir, AvroFile(feed.api.row.avro), has_quarantine=True
        )
    return storage


def layers_of(feed: Feed, storage: Storage) -> list[Layer]:
    """Return the layers of a feed in a storage, the upstream one first."""
    raw = Layer(feed.raw.key, feed.days, storage[feed.pages_key])
    return [raw, Layer(feed.stg.key, feed.days, storage[feed.rows_key], made_from=raw)]
