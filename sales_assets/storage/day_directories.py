"""Where the days of assets are stored, and what is stored and recorded for them.

The asset `LAYER_NAME` keeps its days in `BASE_DIR/LAYER/NAME/DAY/`, and `PREFIX/LAYER_NAME` in
`BASE_DIR/LAYER/PREFIX/NAME/DAY/`.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple, Optional

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from sales_assets.feed.days import parse_day
from sales_assets.feed.stream import UpstreamDayError
from sales_assets.storage.files import PartitionFormat, describe
from sales_assets.storage.location import Location, leads_to, location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.recorded import MADE_FROM, MATERIALIZATION, STAMP, is_ours
from sales_assets.storage.replace import directories_of

_AT_ONCE = 1000
"""The maximum number of records that Dagster returns at once."""


class MissingPartitionError(UpstreamDayError):
    """A partition to read was never stored."""


class DayDirectories:
    """The directories of the days of assets, below one root and in one format."""

    def __init__(
        self, base_dir: str, partition_format: PartitionFormat[Any], *, has_quarantine: bool = False
    ) -> None:
        self.base = location(base_dir)
        self.format = partition_format
        self.has_quarantine = has_quarantine
        self.directories = directories_of(self.base)
        self._known = lru_cache(maxsize=8)(lambda *of, latest: self.recorded(*of))

    def place(self, key: dg.AssetKey, day: str, layer: str = "") -> tuple[Location, str]:
        """Return the directory of a day, optionally in another layer, and its files' prefix."""
        *prefix, last = key.path
        own, _, name = last.partition("_")
        # In one step, since each step makes a path object, which is slow for an object store.
        return self.base.joinpath(layer or own, *prefix, name, day), f"{name}_{day}"

    def directory(self, asset_key: dg.AssetKey, day: str) -> Location:
        """Return the directory of a day, which need not exist."""
        return self.place(asset_key, day)[0]

    def quarantine(self, asset_key: dg.AssetKey, day: str) -> Quarantine:
        """Return the quarantine for the rejected records of a day."""
        return Quarantine(*self.place(asset_key, day, QUARANTINE))

    def recorded(
        self,
        instance: dg.DagsterInstance,
        asset_key: dg.AssetKey,
        days: Collection[str] | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Fetch the metadata of the current record of each day: the one with the latest stamp.

        A record counts only for the storage that its path names. Those without our metadata, and
        partitions that are not days, are ignored.
        """
        found: dict[str, dict[str, Any]] = {}
        for day, metadata, event in self._events(instance.fetch_materializations, asset_key, days):
            metadata.setdefault(STAMP, event.timestamp)
            if is_ours(metadata) and (day not in found or found[day][STAMP] < metadata[STAMP]):
                metadata[MATERIALIZATION] = AssetCheckEvaluationTargetMaterializationData(
                    storage_id=event.storage_id, run_id=event.run_id, timestamp=event.timestamp
                )
                found[day] = metadata
        return found

    def known(
        self, instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Collection[str]
    ) -> dict[str, dict[str, Any]]:
        """Fetch the same once for all steps of a run, unless something new is recorded."""
        found = instance.get_asset_records([asset_key])
        latest = found[0].asset_entry.last_materialization_storage_id if found else None
        return self._known(instance, asset_key, frozenset(days), latest=latest)

    def tried(
        self, instance: dg.DagsterInstance, asset_key: dg.AssetKey, days: Collection[str]
    ) -> set[tuple[str, str]]:
        """Fetch each failed day with the SHA-256 of the upstream day that it was made from."""
        events = self._events(instance.fetch_observations, asset_key, days)
        return {(day, str(metadata.get(MADE_FROM))) for day, metadata, _ in events}

    def _events(
        self, fetch: Callable[..., Any], asset_key: dg.AssetKey, days: Collection[str] | None
    ) -> Iterator[tuple[str, dict[str, Any], dg.EventLogRecord]]:
        """Yield each day, the values of the metadata, and the event; the latest first."""
        has_more, cursor = days is None or len(days) > 0, None
        query = dg.AssetRecordsFilter(asset_key, asset_partitions=None if days is None else [*days])
        while has_more:
            page = fetch(query, limit=_AT_ONCE, cursor=cursor)
            for event in page.records:
                told = event.asset_materialization or event.asset_observation
                day = event.partition_key
                if day is not None and told is not None and parse_day(day):
                    metadata = {name: value.value for name, value in told.metadata.items()}
                    path = metadata.get("path")
                    if isinstance(path, str) and leads_to(path, self.directory(asset_key, day)):
                        yield day, metadata, event
            has_more, cursor = page.has_more, page.cursor

    @contextmanager
    def reading(
        self, asset_key: dg.AssetKey, day: str
    ) -> Iterator[tuple[Sequence[Location], object]]:
        """Yield the files of a stored day in content order, and the `state` of its directory.

        Raises:
            MissingPartitionError: The day has no directory.
            InvalidPartitionError: The directory lacks something.
            ReplacedError: The day was replaced in the meantime.
        """
        directory, stem = self.place(asset_key, day)
        with self.directories.reading(directory) as state:
            if state is None:
                raise MissingPartitionError(
                    f"{asset_key.to_user_string()} has no day {day} ({directory} does not exist): "
                    "materialize it first"
                )
            yield self.format.files(directory, stem), state

    def describe(self, files: Sequence[Location]) -> dict[str, Any]:
        """Read all rows of a day, and describe it."""
        return {"dagster/row_count": sum(1 for _ in self.format.rows(files)), **describe(files)}

    def metadata(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Return materialization metadata, as far as the storage knows; raises as `reading`."""
        with self.reading(asset_key, day) as (files, _):
            stored = {**self.describe(files), **self.path(asset_key, day)}
        if self.has_quarantine:
            stored |= self.quarantine(asset_key, day).metadata()
        return stored

    def path(self, asset_key: dg.AssetKey, day: str) -> dict[str, Any]:
        """Return the path of a day as metadata; a record counts only for the storage it names."""
        return {"path": dg.MetadataValue.path(str(self.directory(asset_key, day)))}


class Layer(NamedTuple):
    """A daily asset, its partitions and storage, and the layer it is made from, if any."""

    asset: dg.AssetKey
    days: dg.PartitionsDefinition[str]
    storage: DayDirectories
    made_from: Optional["Layer"] = None

    @property
    def name(self) -> str:
        """The name of the asset, for display."""
        return self.asset.to_user_string()

    @property
    def parents(self) -> list[Location]:
        """The parent directories of its days and of its quarantine."""
        found = [self.storage.directory(self.asset, "x").parent]
        if self.storage.has_quarantine:
            found.append(self.storage.quarantine(self.asset, "x").directory.parent)
        return found


def kept_apart(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers, after checking that no two of them share directories.

    Raises:
        ValueError: Two layers share a directory, or one is inside that of another.
    """
    places = [(parent, layer.name) for layer in layers for parent in layer.parents]
    for (inner, one), (outer, other) in itertools.permutations(places, 2):
        # Some file systems ignore case.
        if f"{inner}/".lower().startswith(f"{outer}/".lower()):
            raise ValueError(f"{one} and {other} would both store days in {outer}: rename one")
    return layers
