"""Compares the records of days in a Dagster instance with what is in the storage.

A comparison changes nothing in the storage, and a repair changes no day.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from sales_assets.feed.days import parse_day
from sales_assets.storage.comparison import (
    Difference,
    Kind,
    content_difference,
    source_difference,
    stranger,
    unreadable,
)
from sales_assets.storage.day_directories import Layer, MissingPartitionError
from sales_assets.storage.files import entries, is_dropping
from sales_assets.storage.location import Location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.recorded import STAMP, Record, next_stamp
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
        days |= {path.name for path in self._places()[0] if parse_day(path.name)}
        return sorted(day for day in days if first <= day <= last)

    def storage(self, *, fix: bool = False) -> list[Difference]:
        """Report foreign files and leftovers of killed runs, and delete leftovers to `fix` them."""
        places, found = self._places()
        found += [stranger(_STORAGE, path, "a day") for path in places if not parse_day(path.name)]
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
            found.append(Difference(_STORAGE, "leftovers", detail, fixed))
        return found

    def day(self, day: str, *, fix: bool = False) -> list[Difference]:
        """Compare a day, and record it to `fix` it if it is whole but was never recorded."""
        if not self._compare(day):
            return []
        # A run may have just replaced it.
        for layer in self._layers:
            latest = layer.storage.recorded(self._instance, layer.asset, [day])
            self._recorded[layer.asset].update(latest)
        found = self._compare(day, fix=fix)
        if found and self._run_is_under_way():
            # A foreign file is of no run; all else may only not have been recorded yet.
            return [
                one._replace(detail=f"{one.detail}{_UNDER_WAY}")
                if one.matters and one.kind != "foreign files"
                else one
                for one in found
            ]
        return found

    def _compare(self, day: str, *, fix: bool = False) -> list[Difference]:
        found: list[Difference] = []
        row_counts: dict[dg.AssetKey, int | None] = {}
        for layer in self._layers:
            record, source = self._recorded[layer.asset].get(day), layer.made_from
            of_layer: list[Difference] = []
            rows = row_counts[layer.asset] = _compare_files(layer, day, record, of_layer)
            rejected = 0
            if layer.storage.has_quarantine:
                rejected = _compare_quarantine(layer, day, record, rows is not None, of_layer)
            source_rows = row_counts[source.asset] if source else None
            if source and source_rows is not None:
                if rows is not None:
                    source_record = self._recorded[source.asset].get(day)
                    difference = source_difference(
                        layer.name, record, rows + rejected, source.name, source_record, source_rows
                    )
                    of_layer += [difference] if difference else []
                elif record is None:
                    detail = f"{source.name} has this day: materialize {layer.name}"
                    of_layer.append(Difference(layer.name, "missing", detail))
            problems = [one for one in of_layer if one.matters]
            is_whole = [one.kind for one in problems] == ["unrecorded"]
            if fix and is_whole and self._record(layer, day):
                of_layer.remove(problems[0])
                detail = "it was complete, and is recorded now"
                of_layer.append(problems[0]._replace(fixed=True, detail=detail))
            found += of_layer
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
                    Difference(
                        _STORAGE, "foreign files", f"{path} is not a directory: move it away"
                    )
                    for path in (parent.parent, parent)
                    if isinstance(path, Path) and os.path.lexists(path) and not path.is_dir()
                ]
            except OSError as error:
                found.append(unreadable(_STORAGE, error))
        return places, found


def _compare_files(
    layer: Layer, day: str, record: Record | None, found: list[Difference]
) -> int | None:
    """Compare the files of a day with its record; count its rows, if it is readable."""
    storage, name = layer.storage, layer.name
    try:
        with storage.reading(layer.asset, day) as (files, _):
            stored = storage.describe(files)
            paths = entries(storage.directory(layer.asset, day))
    except MissingPartitionError:
        if record:
            found.append(Difference(name, "missing", "recorded but not stored"))
        return None
    except Exception as error:
        # A damaged file may raise any error.
        found.append(unreadable(name, error, name))
        return None
    ours = {path.name for path in files}
    others = [path for path in paths if path.name not in ours and not is_dropping(path.name)]
    found += [stranger(name, path, "a file of this day") for path in others]
    if record is None:
        detail = "stored but never recorded: record it with --fix"
        found.append(Difference(name, "unrecorded", detail))
    elif wrong := content_difference(record, stored):
        found.append(Difference(name, "bytes changed", wrong))
    return int(stored["dagster/row_count"])


def _compare_quarantine(
    layer: Layer, day: str, record: Record | None, day_is_stored: bool, found: list[Difference]
) -> int:
    """Compare the quarantine of a day with its record; count its rows."""
    quarantine = layer.storage.quarantine(layer.asset, day)
    try:
        with layer.storage.directories.reading(quarantine.directory) as state:
            paths = entries(quarantine.directory) if state else []
            stored = quarantine.metadata()
    except Exception as error:
        # A foreign file may raise any error.
        found.append(unreadable(QUARANTINE, error, layer.name))
        return 0
    others = [path for path in paths if path != quarantine.file]
    found += [stranger(QUARANTINE, path, "a quarantine file") for path in others]
    rows, expected = stored["rejected_rows"], record or {}
    before, now = (one.get("quarantine_sha256") for one in (expected, stored))
    if before != now and (record or not day_is_stored):
        kind: Kind = "bytes changed" if before and now else "leftovers" if now else "missing"
        counts = f"{rows} rows stored, {expected.get('rejected_rows', 0)} recorded"
        detail = f"{counts}, and they differ: materialize it again"
        found.append(Difference(QUARANTINE, kind, detail))
    return int(rows)
