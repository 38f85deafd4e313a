"""Where the days of assets lie, and what is stored of them.

The asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`. How a day gets there is the
business of `io_manager` and `replace`.
"""

import time
import weakref
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.feed.stream import Reading, UpstreamDayError
from sales_assets.storage.location import Location, leads_to, location
from sales_assets.storage.partition_format import PartitionFormat
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.recorded import STORED_AT, recorded_days
from sales_assets.storage.replace import directories_of


class MissingPartitionError(UpstreamDayError):
    """A partition that is to be read was never stored."""


class _Known(NamedTuple):
    """What was found of days when the latest materialization of their asset was this one.

    Attributes:
        instance: Where it was found.
        latest: That materialization, if there was one.
        found: What is recorded by day; None of a day of which nothing is.
    """

    instance: weakref.ref[dg.DagsterInstance]
    latest: Sequence[int]
    found: Mapping[str, dict[str, Any] | None]


class DayDirectories:
    """The directories of the days of assets, below one root and in one format.

    Attributes:
        base: Root of the storage.
        format: What a directory holds.
        directories: How directories are replaced and read.
    """

    def __init__(self, base_dir: str, partition_format: PartitionFormat[Any]) -> None:
        """Keep partitions of `partition_format` below `base_dir`, a local path or a URL."""
        self.base = location(base_dir)
        self.format = partition_format
        self.directories = directories_of(self.base)
        self._known: dict[dg.AssetKey, _Known] = {}

    def directory(self, asset_key: dg.AssetKey, day: str) -> Location:
        """Give the directory of a day, which need not be there."""
        return self.place(asset_key, day)[0]

    def quarantine(self, asset_key: dg.AssetKey, day: str) -> Quarantine:
        """Give the place of the records that a day was stored without."""
        return Quarantine(self.base, self.place(asset_key, day)[0].parent.name, day)

    def recorded(
        self,
        instance: dg.DagsterInstance,
        asset_key: dg.AssetKey,
        days: Collection[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Fetch what was recorded of each day in this storage, as `recorded_days` does.

        The checks of a run ask for the same days one after the other: a day is fetched again only
        if something was recorded of the asset since.
        """

        def is_here(day: str, path: str) -> bool:
            return leads_to(path, self.directory(asset_key, day))

        if days is None:
            return recorded_days(instance, asset_key, is_here)
        latest = [one.storage_id for one in instance.fetch_materializations(asset_key, 1).records]
        known = self._known.get(asset_key)
        if not (known and known.instance() is instance and known.latest == latest):
            known = _Known(weakref.ref(instance), latest, {})
        if new := [day for day in days if day not in known.found]:
            found = recorded_days(instance, asset_key, is_here, new)
            known = known._replace(found={**known.found, **dict.fromkeys(new), **found})
        self._known[asset_key] = known
        return {day: metadata for day in days if (metadata := known.found[day])}

    @contextmanager
    def files(self, asset_key: dg.AssetKey, day: str) -> Iterator[Sequence[Location]]:
        """Give the files of a stored day, in the order of their content, for as long as it lasts.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: The directory lacks something.
            ReplacedError: The day was replaced meanwhile.
        """
        with self.version(asset_key, day) as (files, _):
            yield files

    @contextmanager
    def version(
        self, asset_key: dg.AssetKey, day: str
    ) -> Iterator[tuple[Sequence[Location], object]]:
        """Give the files of a stored day, and the `state` of its directory.

        Raises:
            MissingPartitionError: See `files`, also for the other errors.
        """
        directory, stem = self.place(asset_key, day)
        with self.directories.reading(directory) as state:
            if state is None:
                raise MissingPartitionError(
                    f"{asset_key.to_user_string()} has no {day} ({directory} does not exist): "
                    "materialize it first"
                )
            yield self.format.files(directory, stem), state

    def strangers(self, asset_key: dg.AssetKey, day: str) -> list[Location]:
        """List what lies in the directory of a stored day and is not ours."""
        return self.format.strangers(*self.place(asset_key, day))

    def describe(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Describe the files of a day, having read all of them.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: It is not whole.
            ReplacedError: The day was replaced meanwhile.
        """
        with self.files(asset_key, day) as files:
            reading = Reading(self.format.read_and_describe(files))
            for _ in reading:
                pass
            rows = self.format.count_rows(files)
            return {
                "dagster/row_count": rows,
                **self.format.counts(files),
                **reading.result,
            }

    def metadata(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Say of a stored day what its materialization would, as far as the storage tells.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: It is not whole.
            ReplacedError: The day was replaced meanwhile.
        """
        # Taken before reading: a day that is replaced while it is read is stored later than this.
        placed = self.placed(asset_key, day)
        stored = self.describe(asset_key, day)
        if self.format.has_rejects:
            quarantine = self.quarantine(asset_key, day)
            stored |= {"rejected_rows": quarantine.count(), **quarantine.stored()}
        return stored | placed

    def placed(self, key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Say of a day that is in its place now where and since when."""
        return {
            "path": dg.MetadataValue.path(str(self.directory(key, day))),
            STORED_AT: dg.MetadataValue.timestamp(time.time()),
        }

    def place(self, key: dg.AssetKey, day: str) -> tuple[Location, str]:
        """Give the directory of a day, and what the names of its files begin with."""
        layer, _, name = key.path[-1].partition("_")
        # At once, since each step is a path of its own, which takes time on an object store.
        return self.base.joinpath(layer, name, day), f"{name}_{day}"


class Layer(NamedTuple):
    """An asset, and what stores it.

    Attributes:
        asset: The asset.
        storage: Where its days are.
        made_from: The asset whose rows it has, without the rejected ones; None if there is none.
    """

    asset: dg.AssetKey
    storage: DayDirectories
    made_from: dg.AssetKey | None = None

    @property
    def name(self) -> str:
        """The asset, for a person to read."""
        return self.asset.to_user_string()
