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
    compare_day,
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


class Verification:
    """A comparison of the days of some layers, each after its upstream layer, in one storage."""

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
        """Report foreign files and leftovers of killed runs, and delete leftovers to `fix` them."""
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
        """Compare a day, and record it to `fix` it if it is whole but was never recorded."""
        found = compare_day(self._layers, day, self._recorded)
        if found:
            # A run may have just replaced it.
            for layer in self._layers:
                latest = layer.storage.recorded(self._instance, layer.asset, [day])
                self._recorded[layer.asset].update(latest)
            found = compare_day(self._layers, day, self._recorded)
        if fix:
            found = self._fixed(day, found)
        if found and self._run_is_under_way():
            # A foreign file is of no run; all else may only not have been recorded yet.
            return [
                one._replace(detail=f"{one.detail}{_UNDER_WAY}")
                if one.matters and one.kind != Kind.FOREIGN
                else one
                for one in found
            ]
        return found

    def _fixed(self, day: str, found: list[Difference]) -> list[Difference]:
        """Record data that is whole but was never recorded."""
        for layer in self._layers:
            parts = (layer.name, QUARANTINE) if layer.storage.has_quarantine else (layer.name,)
            problems = [one for one in found if one.where in parts and one.matters]
            if [one.kind for one in problems] == [Kind.UNRECORDED] and self._record(layer, day):
                detail = "it was complete, and is recorded now"
                fixed = problems[0]._replace(fixed=True, detail=detail)
                found = [fixed if one is problems[0] else one for one in found]
        return found

    def _record(self, layer: Layer, day: str) -> bool:
        """Record a day, unless a run has just replaced it, which will record it."""
        before = layer.storage.recorded(self._instance, layer.asset, [day]).get(day)
        try:
            stored = layer.storage.metadata(layer.asset, day)
        except (ReplacedError, MissingPartitionError):
            return False
        materialization = dg.AssetMaterialization(
            layer.asset,
            "Found in the storage, and recorded by sales-assets verify.",
            {
                **stored,
                STAMP: dg.MetadataValue.timestamp(next_stamp(before)),
                "recorded_by": "sales-assets verify --fix",
            },
            day,
        )
        self._instance.report_runless_asset_event(materialization)
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
