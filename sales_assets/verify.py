"""Compares the records of days in a Dagster instance with what is in the storage.

A comparison changes nothing in the storage, and a repair changes no day. The command line shows the
differences.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from sales_assets.feed.days import is_day
from sales_assets.storage.comparison import (
    Difference,
    Kind,
    Metadata,
    compare_day,
    compare_quarantine,
    source_difference,
    stranger,
    unreadable,
)
from sales_assets.storage.day_directories import Layer, MissingPartitionError
from sales_assets.storage.files import entries
from sales_assets.storage.location import Location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.recorded import STAMP, next_stamp
from sales_assets.storage.replace import ReplacedError
from sales_assets.storage.replace.work import WORK

_STORAGE = "storage"
_UNDER_WAY = "; a run may be storing it: verify again when the run has ended"
_OF_NO_RUN = {Kind.FOREIGN, Kind.SYSTEM}
"""Any other kind may appear only because a run has not yet recorded what it stored."""


class Verification:
    """A comparison of the days of some layers in one storage.

    Args:
        instance: The instance with the records.
        layers: The layers, each after its upstream layer.
    """

    def __init__(self, instance: dg.DagsterInstance, layers: Sequence[Layer]) -> None:
        self._instance = instance
        self._layers = layers
        self._recorded = {
            layer.asset: layer.storage.recorded(instance, layer.asset) for layer in layers
        }

    def days(self, first: str = "", last: str = "9999") -> list[str]:
        """List all days from `first` to `last` that are recorded or stored."""
        days = {day for recorded in self._recorded.values() for day in recorded}
        days |= {path.name for path in self._places()[0] if is_day(path.name)}
        return sorted(day for day in days if first <= day <= last)

    def storage(self, *, fix: bool = False) -> list[Difference]:
        """Report foreign files and leftovers, which belong to no day.

        Args:
            fix: Delete the leftovers of killed runs.
        """
        places, found = self._places()
        found += [stranger(_STORAGE, path, "a day") for path in places if not is_day(path.name)]
        directories = self._layers[0].storage.directories
        try:
            strangers, leftovers = directories.strangers(), directories.leftovers()
            if fix:
                directories.sweep()
            still_there = directories.leftovers()
        except OSError as error:
            return [*found, unreadable(_STORAGE, error)]
        found += [stranger(_STORAGE, Path(name), "a work directory") for name in strangers]
        for left in leftovers:
            fixed = left not in still_there
            detail = f"{left} was {'removed' if fixed else 'left by a killed run'}"
            found.append(Difference(_STORAGE, Kind.LEFTOVERS, detail, fixed))
        return found

    def day(self, day: str, *, fix: bool = False) -> list[Difference]:
        """Compare a day.

        Args:
            day: `YYYY-MM-DD`.
            fix: Record it if it is whole but was never recorded.
        """
        found = self._compare(day)
        if found:
            # A run may have just replaced it.
            for layer in self._layers:
                latest = layer.storage.recorded(self._instance, layer.asset, [day])
                self._recorded[layer.asset].update(latest)
            found = self._compare(day)
        if fix:
            found = self._fixed(day, found)
        of_runs = [one for one in found if one.kind not in _OF_NO_RUN]
        if any(one.matters for one in of_runs) and self._run_is_under_way():
            others = [one for one in found if one.kind in _OF_NO_RUN]
            return others + [one._replace(detail=f"{one.detail}{_UNDER_WAY}") for one in of_runs]
        return found

    def _compare(self, day: str) -> list[Difference]:
        found: list[Difference] = []
        days: dict[dg.AssetKey, Metadata | None] = {}
        for layer in self._layers:
            recorded = self._recorded[layer.asset].get(day)
            stored, differences = compare_day(layer, day, recorded)
            found += differences
            days[layer.asset] = stored
            rejected = 0
            if layer.storage.has_quarantine:
                is_stored = stored is not None
                rejected, differences = compare_quarantine(layer, day, recorded, is_stored)
                found += differences
            source = layer.made_from
            source_day = days.get(source.asset) if source else None
            if source is None or source_day is None:
                continue
            if stored is not None:
                difference = source_difference(
                    layer.name,
                    recorded,
                    stored["dagster/row_count"] + rejected,
                    source.name,
                    self._recorded[source.asset].get(day),
                    source_day["dagster/row_count"],
                )
                found += [difference] if difference else []
            elif recorded is None:
                detail = f"{source.name} has this day: materialize {layer.name}"
                found.append(Difference(layer.name, Kind.MISSING, detail))
        return found

    def _fixed(self, day: str, found: Sequence[Difference]) -> list[Difference]:
        """Record data that is whole but was never recorded."""
        broken = {one.where for one in found if one.matters and one.kind != Kind.UNRECORDED}
        unrecorded = {one.where for one in found if one.kind == Kind.UNRECORDED}
        fixed = set()
        for layer in self._layers:
            parts = {layer.name, QUARANTINE} if layer.storage.has_quarantine else {layer.name}
            if layer.name in unrecorded and not parts & broken and self._record(layer, day):
                fixed.add(layer.name)
        return [
            one._replace(fixed=True, detail="it was complete, and is recorded now")
            if one.kind == Kind.UNRECORDED and one.where in fixed
            else one
            for one in found
        ]

    def _record(self, layer: Layer, day: str) -> bool:
        """Record a day, unless a run has just replaced it, which will record it."""
        before = layer.storage.recorded(self._instance, layer.asset, [day]).get(day)
        try:
            metadata = layer.storage.metadata(layer.asset, day)
        except (ReplacedError, MissingPartitionError):
            return False
        metadata |= {
            STAMP: dg.MetadataValue.timestamp(next_stamp(before)),
            "recorded_by": "sales-assets verify --fix",
        }
        description = "Found in the storage, and recorded by sales-assets verify."
        self._instance.report_runless_asset_event(
            dg.AssetMaterialization(layer.asset, description, metadata, partition=day)
        )
        return True

    def _run_is_under_way(self) -> bool:
        """Return whether an unfinished run stores days of these layers."""
        assets = {layer.asset for layer in self._layers}
        runs = self._instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
        return any(not run.asset_selection or assets & run.asset_selection for run in runs)

    def _places(self) -> tuple[list[Location], list[Difference]]:
        """List the entries of the directories of days, and the places that cannot be read.

        The work directory is skipped; it is there if that is a separate volume.
        """
        places: list[Location] = []
        found: list[Difference] = []
        parents = {str(path): path for layer in self._layers for path in layer.parents}
        for parent in parents.values():
            try:
                if parent.is_dir():
                    places += (path for path in entries(parent) if path.name != WORK)
                    continue
                found += [
                    Difference(_STORAGE, Kind.FOREIGN, f"{path} is not a directory: move it away")
                    for path in (parent.parent, parent)
                    if isinstance(path, Path) and os.path.lexists(path) and not path.is_dir()
                ]
            except OSError as error:
                found.append(unreadable(_STORAGE, error))
        return places, found
