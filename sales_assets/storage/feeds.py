"""The storage of feeds: the IO managers of their assets, and their layers."""

from collections.abc import Iterable

from sales_assets.feed.declaration import Feed, InvalidFeedError
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages

Storage = dict[str, PartitionDirectoryIOManager]


def storage_of(feeds: Iterable[Feed], base_dir: str) -> Storage:
    """Make the IO managers of feeds, by their keys.

    Args:
        feeds: The feeds; those with the same kind of pages may share the key of their pages.
        base_dir: The storage root: a local path or a URL.

    Raises:
        InvalidFeedError: Two feeds have the same name, or use one key for different things.
    """
    storage: Storage = {}
    rows_at: dict[str, str] = {}
    names: set[str] = set()
    for feed in feeds:
        if feed.name in names:
            raise InvalidFeedError(f"two feeds are named {feed.name}: rename the assets of one")
        names.add(feed.name)
        pages = feed.pages_key
        if rows_at.setdefault(pages, feed.api.rows_at) != feed.api.rows_at or (
            feed.rows_key in storage
        ):
            raise InvalidFeedError(
                f"feed {feed.name}: another feed uses the IO manager {pages} with another rows_at, "
                f"or uses {feed.rows_key}: give its assets their own io_manager_key"
            )
        storage[pages] = PartitionDirectoryIOManager(base_dir, JsonPages(feed.api.rows_at))
        storage[feed.rows_key] = PartitionDirectoryIOManager(
            base_dir, AvroFile(feed.api.row.avro), has_quarantine=True
        )
    return storage


def layers_of(feed: Feed, storage: Storage) -> list[Layer]:
    """Return the layers of a feed in a storage, the upstream one first."""
    raw = Layer(feed.raw.key, feed.days, storage[feed.pages_key])
    return [raw, Layer(feed.stg.key, feed.days, storage[feed.rows_key], made_from=raw)]
