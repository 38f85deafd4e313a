"""Compares what a Dagster instance has recorded of the days with what lies in the storage.

Nothing in the storage is changed by a comparison, and no day by a repair. How differences are shown
is the business of the command line.
"""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.feed.days import is_day
from sales_assets.storage.day_directories import Layer, MissingPartitionError
from sales_assets.storage.files import InvalidPartitionError, entries, is_dropping
from sales_assets.storage.location import Location
from sales_assets.storage.replace import PublishError, ReplacedError
from sales_assets.storage.replace.work import WORK
from sales_assets.storage.stored_day import discrepancies

Metadata = Mapping[str, Any]


class Difference(NamedTuple):
    """Something that is not as recorded.

    Attributes:
        where: The asset, `quarantine`, or `storage`.
        kind: In a word or two: `missing`, `unrecorded`, `bytes changed`, `rows differ`,
            `foreign files`, `damaged`, `leftovers`, `system files`.
        detail: What exactly, and what to do.
        fixed: Whether a repair has put an end to it.
    """

    where: str
    kind: str
    detail: str
    fixed: bool = False

    @property
    def matters(self) -> bool:
        """Whether somebody has to do something about it."""
        return not self.fixed and self.kind != "system files"

    def __str__(self) -> str:
        """The difference in one line."""
        return f"{self.where}: {self.kind}{' (fixed)' if self.fixed else ''}: {self.detail}"


class Verification:
    """A comparison of the days of some layers, which lie in one storage."""

    def __init__(self, instance: dg.DagsterInstance, layers: Sequence[Layer]) -> None:
        """Fetch what is recorded, and list what there is."""
        self._instance = instance
        self._layers = layers
        self._recorded = {
            layer.asset: layer.storage.recorded(instance, layer.asset) for layer in layers
        }

    def days(self, first: str = "", last: str = "9999") -> list[str]:
        """List all days from `first` to `last` that are recorded or stored."""
        days = {day for recorded in self._recorded.values() for day in recorded}
        days |= {path.name for path in self._places() if is_day(path.name)}
        return sorted(day for day in days if first <= day <= last)

    def storage(self, *, fix: bool = False) -> list[Difference]:
        """Compare what belongs to no day: strangers, and leftovers.

        Args:
            fix: Sweep what killed runs have left.
        """
        found = [
            _stranger("storage", path, "not a day")
            for path in self._places()
            if not is_day(path.name)
        ]
        found += [
            Difference("storage", "foreign files", f"{path} is not a directory: move it away")
            for parent in self._parents()
            for path in (parent.parent, parent)
            if isinstance(path, Path) and os.path.lexists(path) and not path.is_dir()
        ]
        directories = self._layers[0].storage.directories
        found += [
            _stranger("storage", Path(name), "not ours, and is left alone")
            for name in directories.strangers()
        ]
        before = directories.leftovers()
        if fix:
            directories.sweep()
        after = directories.leftovers() if fix else before
        return found + [
            Difference("storage", "leftovers", f"{left} is of a killed run", left not in after)
            for left in before
        ]

    def day(self, day: str, *, fix: bool = False) -> list[Difference]:
        """Compare a day.

        Args:
            day: `YYYY-MM-DD`.
            fix: Record it where it is whole but was never recorded.
        """
        found = self._compare(day)
        if found:
            # Perhaps a run has just replaced it.
            for layer in self._layers:
                latest = layer.storage.recorded(self._instance, layer.asset, [day])
                self._recorded[layer.asset].update(latest)
            found = self._compare(day)
        if not fix:
            return found
        broken = {one.where for one in found if one.matters and one.kind != "unrecorded"}
        if "quarantine" in broken:
            broken |= {layer.name for layer in self._layers if layer.storage.format.has_rejects}
        whole = {one.where for one in found if one.kind == "unrecorded"} - broken
        for layer in self._layers:
            if layer.name in whole:
                try:
                    self._record(layer, day)
                except (ReplacedError, MissingPartitionError):
                    # A run has just replaced it, and records it.
                    whole.discard(layer.name)
        return [one._replace(fixed=one.fixed or one.where in whole) for one in found]

    def _compare(self, day: str) -> list[Difference]:
        found: list[Difference] = []
        rows: dict[dg.AssetKey, int] = {}
        for layer in self._layers:
            recorded = self._recorded[layer.asset].get(day)
            stored, differences = _compare_layer(layer, day, recorded)
            found += differences
            if stored is not None:
                rows[layer.asset] = stored["dagster/row_count"]
            rejected = 0
            if layer.storage.format.has_rejects:
                rejected, differences = _compare_quarantine(layer, day, recorded)
                found += differences
            if layer.made_from in rows and stored is None and recorded is None:
                raw = layer.made_from.to_user_string()
                detail = f"{raw} has this day: materialize {layer.name}"
                found.append(Difference(layer.name, "missing", detail))
            elif layer.made_from in rows and stored is not None:
                expected, count = rows[layer.made_from], rows[layer.asset]
                if expected != count + rejected:
                    detail = (
                        f"{count} stored and {rejected} in quarantine, but "
                        f"{layer.made_from.to_user_string()} has {expected}"
                    )
                    found.append(Difference(layer.name, "rows differ", detail))
        return found

    def _record(self, layer: Layer, day: str) -> None:
        metadata = layer.storage.metadata(layer.asset, day)
        self._instance.report_runless_asset_event(
            dg.AssetMaterialization(
                layer.asset,
                description="Found in the storage, and recorded by sales-assets verify.",
                metadata={**metadata, "recorded_by": "sales-assets verify --fix"},
                partition=day,
            )
        )

    def _parents(self) -> Collection[Location]:
        """List the directories in which days should lie."""
        parents: dict[str, Location] = {}
        for layer in self._layers:
            parent = layer.storage.directory(layer.asset, "x").parent
            parents[str(parent)] = parent
            if layer.storage.format.has_rejects:
                parent = layer.storage.quarantine(layer.asset, "x").directory.parent
                parents[str(parent)] = parent
        return parents.values()

    def _places(self) -> Iterator[Location]:
        """List what lies where days should lie; work lies there if that is a volume of its own."""
        for parent in self._parents():
            if parent.is_dir():
                yield from (path for path in entries(parent) if path.name != WORK)


def _compare_layer(
    layer: Layer, day: str, recorded: Metadata | None
) -> tuple[Metadata | None, list[Difference]]:
    """Describe a stored day, if it can be read, and compare it with what is recorded of it."""
    storage = layer.storage
    try:
        stored = storage.describe(layer.asset, day)
        strangers = storage.strangers(layer.asset, day)
    except MissingPartitionError:
        if recorded is None:
            return None, []
        return None, [Difference(layer.name, "missing", "recorded, but not stored")]
    except ReplacedError as error:
        return None, [Difference(layer.name, "leftovers", str(error))]
    except PublishError as error:
        return None, [Difference(layer.name, "foreign files", str(error))]
    except InvalidPartitionError as error:
        return None, [Difference(layer.name, "damaged", str(error))]
    except Exception as error:
        # A damaged file fails in any way.
        detail = f"cannot be read ({error!r}): materialize it again"
        return None, [Difference(layer.name, "damaged", detail)]
    found = [_stranger(layer.name, path, "not a file of this day") for path in strangers]
    if recorded is None:
        detail = "stored, but never recorded (--fix records it)"
        return stored, [*found, Difference(layer.name, "unrecorded", detail)]
    found += [
        Difference(layer.name, *one)
        for one in discrepancies(recorded, stored, stored["dagster/row_count"])
    ]
    return stored, found


def _compare_quarantine(
    layer: Layer, day: str, recorded: Metadata | None
) -> tuple[int, list[Difference]]:
    """Count what is in quarantine, and compare it with what is recorded of the day."""
    name = "quarantine"
    place = layer.storage.quarantine(layer.asset, day)
    expected = (recorded or {}).get("rejected_rows", 0)
    try:
        paths: list[Location] = []
        if layer.storage.directories.exists(place.directory):
            with layer.storage.directories.reading(place.directory):
                paths = entries(place.directory)
        lines, stored = place.count(), place.stored()
    except (InvalidPartitionError, PublishError, ReplacedError, OSError) as error:
        detail = f"{place.directory} cannot be read ({error}): move it away"
        return 0, [Difference(name, "damaged", detail)]
    found = [_stranger(name, path, "not ours") for path in paths if path.name != place.file.name]
    day_is_stored = layer.storage.directories.exists(layer.storage.directory(layer.asset, day))
    if not stored and expected:
        detail = f"{expected} rejected rows are recorded, but not stored: materialize it again"
        found.append(Difference(name, "missing", detail))
    elif stored and not expected and (recorded is not None or not day_is_stored):
        detail = f"{lines} rows of which the day has no record: materialize it again"
        found.append(Difference(name, "leftovers", detail))
    elif recorded is not None and recorded.get("quarantine_sha256") != stored.get(
        "quarantine_sha256"
    ):
        detail = f"{lines} rows, and not those that were recorded: materialize it again"
        found.append(Difference(name, "bytes changed", detail))
    return lines, found


def _stranger(where: str, path: Location, what: str) -> Difference:
    if is_dropping(path.name):
        detail = f"{path} is of the operating system, and does no harm"
        return Difference(where, "system files", detail)
    return Difference(where, "foreign files", f"{path} is {what}: move it away")
