"""Where the days of assets lie, and what is stored and recorded of them.

The asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`, and `PREFIX/LAYER_NAME` in
`BASE_DIR/LAYER/PREFIX/NAME/DAY/`. How a day gets there is the business of `io_manager` and
`replace`.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, Optional, TypeAlias
from weakref import WeakKeyDictionary

import dagster as dg

from sales_assets.feed.stream import Reading, UpstreamDayError
from sales_assets.storage.location import Location, leads_to, location
from sales_assets.storage.partition_format import PartitionFormat
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.recorded import recorded_days, tried_days
from sales_assets.storage.replace import directories_of

_Known: TypeAlias = dict[tuple[dg.AssetKey, int | None], dict[str, dict[str, Any] | None]]
"""The records of days, by asset and the id of its latest record; None for a day without one."""


class MissingPartitionError(UpstreamDayError):
    """A partition that should be read was never stored."""


class SharedDirectoryError(ValueError):
    """Two assets would keep their days in one directory."""


class DayDirectories:
    """The directories of the days of assets, below one root and in one format.

    Attributes:
        base: Root of the storage.
        format: What a directory holds.
        has_quarantine: Whether a day may be stored without some of its records, which then go into
            quarantine.
        directories: How directories are replaced and read.
    """

    def __init__(
        self, base_dir: str, partition_format: PartitionFormat[Any], *, has_quarantine: bool = False
    ) -> None:
        self.base = location(base_dir)
        self.format = partition_format
        self.has_quarantine = has_quarantine
        self.directories = directories_of(self.base)
        self._known: WeakKeyDictionary[dg.DagsterInstance, _Known] = WeakKeyDictionary()

    def directory(self, asset_key: dg.AssetKey, day: str) -> Location:
        """Give the directory of a day, which need not exist."""
        return self.place(asset_key, day)[0]

    def quarantine(self, asset_key: dg.AssetKey, day: str) -> Quarantine:
        """Give the place of the records that a day was stored without."""
        return Quarantine(*self.place(asset_key, day, QUARANTINE))

    def recorded(
        self,
        instance: dg.DagsterInstance,
        asset_key: dg.AssetKey,
        days: Collection[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Fetch what was recorded of each day in this storage, as `recorded_days` does."""
        return recorded_days(instance, asset_key, partial(self._is_here, asset_key), days)

    def known(
        self, instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Collection[str]
    ) -> dict[str, dict[str, Any]]:
        """Give what `recorded` does, but fetch a record only once while nothing else is recorded.

        Ten steps of a run want the same records, and to fetch those of a year takes as long as to
        convert it.
        """
        found = instance.get_asset_records([asset_key])
        latest = found[0].asset_entry.last_materialization_storage_id if found else None
        records = self._known.setdefault(instance, {}).setdefault((asset_key, latest), {})
        missing = {day for day in days if day not in records}
        records |= dict.fromkeys(missing)
        records |= self.recorded(instance, asset_key, missing)
        return {day: record for day in days if (record := records[day])}

    def tried(
        self, instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Collection[str]
    ) -> set[tuple[str, str]]:
        """Find out from what days of this storage could not be made, as `tried_days` does."""
        return tried_days(instance, asset_key, partial(self._is_here, asset_key), days)

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
        """Give what `files` does, and the `state` of the directory."""
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
        """Read all files of a day, and describe them; the errors are those of `files`."""
        with self.files(asset_key, day) as files:
            reading = Reading(self.format.read_and_describe(files))
            for _ in reading:
                pass
            counts = {
                "dagster/row_count": self.format.count_rows(files),
                **self.format.counts(files),
            }
            return {**counts, **reading.result}

    def metadata(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Give the metadata of a materialization, as far as the storage knows them.

        The errors are those of `files`.
        """
        stored = {**self.describe(asset_key, day), **self.path(asset_key, day)}
        if self.has_quarantine:
            quarantine = self.quarantine(asset_key, day)
            stored |= {"rejected_rows": quarantine.count(), **quarantine.stored()}
        return stored

    def path(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Say where a day lies, as metadata; a record counts for the storage that it names."""
        return {"path": dg.MetadataValue.path(str(self.directory(asset_key, day)))}

    def place(self, key: dg.AssetKey, day: str, layer: str = "") -> tuple[Location, str]:
        """Give the directory of a day, perhaps in another layer, and what its files begin with."""
        *prefix, last = key.path
        own, _, name = last.partition("_")
        # At once, since each step is a path of its own, which takes time on an object store.
        return self.base.joinpath(layer or own, *prefix, name, day), f"{name}_{day}"

    def _is_here(self, asset_key: dg.AssetKey, day: str, path: str) -> bool:
        return leads_to(path, self.directory(asset_key, day))


class Layer(NamedTuple):
    """An asset of days, and the storage that keeps it.

    Attributes:
        asset: The asset.
        days: Its partitions.
        storage: Where its days are.
        made_from: What its days are made from; None for what comes from outside.
    """

    asset: dg.AssetKey
    days: dg.PartitionsDefinition[str]
    storage: DayDirectories
    made_from: Optional["Layer"] = None

    @property
    def name(self) -> str:
        """The asset, for a person to read."""
        return self.asset.to_user_string()

    @property
    def parents(self) -> list[Location]:
        """The directories in which its days lie, and those of its quarantine."""
        found = [self.storage.directory(self.asset, "x").parent]
        if self.storage.has_quarantine:
            found.append(self.storage.quarantine(self.asset, "x").directory.parent)
        return found


def kept_apart(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Give layers back, once it is known that none keeps its days among those of another.

    Raises:
        SharedDirectoryError: Two of them share a directory, or one lies in that of another.
    """
    for one, other in itertools.permutations(layers, 2):
        for inner, outer in itertools.product(one.parents, other.parents):
            if outer in (inner, *inner.parents):
                raise SharedDirectoryError(
                    f"{one.name} and {other.name} would both keep days in {outer}: rename one"
                )
    return layers
