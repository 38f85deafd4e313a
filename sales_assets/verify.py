"""Compares what a Dagster instance has recorded of the days with what lies in the storage.

Nothing in the storage is changed by a comparison, and no day by a repair. How differences are shown
is the business of the command line.
"""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.feed.recorded import recorded_days
from sales_assets.storage.formats import ForeignFileError, InvalidPartitionError, content_sha256
from sales_assets.storage.io_manager import MissingPartitionError, PartitionDirectoryIOManager
from sales_assets.storage.location import Location
from sales_assets.storage.replace import PublishError, ReplacedError, leftovers, sweep

Metadata = Mapping[str, Any]


class Layer(NamedTuple):
    """An asset, and what stores it."""

    asset: dg.AssetKey
    storage: PartitionDirectoryIOManager

    @property
    def name(self) -> str:
        """The asset, for a person to read."""
        return self.asset.to_user_string()


class Difference(NamedTuple):
    """Something that is not as recorded.

    Attributes:
        where: The asset, `quarantine`, or `storage`.
        kind: In a word or two: `missing`, `unrecorded`, `bytes changed`, `rows differ`,
            `foreign files`, `damaged`, `leftovers`.
        detail: What exactly, and what to do.
        fixed: Whether a repair has put an end to it.
    """

    where: str
    kind: str
    detail: str
    fixed: bool = False


class Verification:
    """A comparison of the days of two layers, the second of which is made from the first."""

    def __init__(self, instance: dg.DagsterInstance, raw: Layer, stg: Layer) -> None:
        """Fetch what is recorded, and list what there is."""
        self._instance = instance
        self._layers = (raw, stg)
        self._recorded = {layer: recorded_days(instance, layer.asset) for layer in self._layers}

    def days(self, first: str = "", last: str = "9999") -> list[str]:
        """List all days from `first` to `last` that are recorded or stored."""
        days = {day for recorded in self._recorded.values() for day in recorded}
        days |= {path.name for path in self._places() if _is_day(path.name)}
        return sorted(day for day in days if first <= day <= last)

    def storage(self, *, fix: bool = False) -> list[Difference]:
        """Compare what is no matter of a day: strangers among the days, and leftovers.

        Args:
            fix: Sweep what killed runs have left.
        """
        found = [
            Difference("storage", "foreign files", f"{path} is no day: move it away")
            for path in self._places()
            if not _is_day(path.name)
        ]
        base = self._layers[0].storage.base
        before = leftovers(base)
        if fix:
            sweep(base)
        after = leftovers(base) if fix else before
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
                latest = recorded_days(self._instance, layer.asset, [day])
                self._recorded[layer].update(latest)
            found = self._compare(day)
        if not fix:
            return found
        raw, stg = self._layers
        broken = {difference.where for difference in found if difference.kind != "unrecorded"}
        if "quarantine" in broken:
            broken.add(stg.name)
        whole = {difference.where for difference in found} - broken
        for layer in (raw, stg):
            if layer.name in whole:
                self._record(layer, day)
        return [difference._replace(fixed=difference.where in whole) for difference in found]

    def _compare(self, day: str) -> list[Difference]:
        found: list[Difference] = []
        rows: list[int] = []
        for layer in self._layers:
            recorded = self._recorded[layer].get(day)
            try:
                stored = _describe(layer, day)
            except MissingPartitionError:
                if recorded is not None:
                    found.append(Difference(layer.name, "missing", "recorded, but not stored"))
                continue
            except ReplacedError as error:
                found.append(Difference(layer.name, "leftovers", str(error)))
            except (ForeignFileError, PublishError) as error:
                found.append(Difference(layer.name, "foreign files", str(error)))
            except InvalidPartitionError as error:
                found.append(Difference(layer.name, "damaged", str(error)))
            except Exception as error:
                # A damaged file fails in any way.
                detail = f"cannot be read ({error!r}): materialize it again"
                found.append(Difference(layer.name, "damaged", detail))
            else:
                rows.append(stored["dagster/row_count"])
                found += _compare_layer(layer.name, recorded, stored)
        raw, stg = self._layers
        rejected, differences = _compare_quarantine(
            stg.storage.quarantine(stg.asset, day).directory,
            self._recorded[stg].get(day),
            stg.storage.directory(stg.asset, day).exists(),
        )
        found += differences
        if len(rows) == 2 and rows[0] != rows[1] + rejected:
            detail = f"{rows[1]} stored and {rejected} in quarantine, but {raw.name} has {rows[0]}"
            found.append(Difference(stg.name, "rows differ", detail))
        return found

    def _record(self, layer: Layer, day: str) -> None:
        metadata = _describe(layer, day)
        if layer == self._layers[1]:
            file = layer.storage.quarantine(layer.asset, day).file
            metadata["rejected_rows"] = _lines(file) if file.exists() else 0
            if file.exists():
                metadata["quarantine"] = dg.MetadataValue.path(str(file))
                metadata["quarantine_sha256"] = content_sha256([file])
        self._instance.report_runless_asset_event(
            dg.AssetMaterialization(
                layer.asset,
                description="Found in the storage, and recorded by sales-assets verify.",
                metadata={**metadata, "recorded_by": "sales-assets verify --fix"},
                partition=day,
            )
        )

    def _places(self) -> Iterator[Location]:
        parents = {layer.storage.directory(layer.asset, "x").parent for layer in self._layers}
        stg = self._layers[1]
        parents.add(stg.storage.quarantine(stg.asset, "x").directory.parent)
        for parent in sorted(parents, key=str):
            if parent.is_dir():
                yield from parent.iterdir()


def _describe(layer: Layer, day: str) -> dict[str, Any]:
    """Say of a stored day what its materialization would, having read all of it."""
    with layer.storage.files(layer.asset, day) as files:
        for _ in layer.storage.format.read(files):
            pass
        rows = layer.storage.format.count_rows(files)
        return {
            "dagster/row_count": rows,
            "dagster/partition_row_count": rows,
            "path": dg.MetadataValue.path(str(layer.storage.directory(layer.asset, day))),
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
            "sha256": content_sha256(files),
        }


def _compare_layer(name: str, recorded: Metadata | None, stored: Metadata) -> Iterator[Difference]:
    if recorded is None:
        yield Difference(name, "unrecorded", "stored, but never recorded (--fix records it)")
        return
    rows = recorded.get("dagster/row_count"), stored["dagster/row_count"]
    if recorded.get("sha256") != stored["sha256"]:
        detail = (
            f"{stored['bytes']} bytes with SHA-256 {stored['sha256'][:12]}..., recorded "
            f"{recorded.get('bytes')} with {str(recorded.get('sha256'))[:12]}...: "
            "materialize it again"
        )
        yield Difference(name, "bytes changed", detail)
    if rows[0] != rows[1]:
        yield Difference(name, "rows differ", f"{rows[1]} stored, {rows[0]} recorded")


def _compare_quarantine(
    directory: Location, recorded: Metadata | None, day_is_stored: bool
) -> tuple[int, Iterable[Difference]]:
    """Count what is in quarantine, and compare it with what is recorded of the day."""
    name = "quarantine"
    expected = (recorded or {}).get("rejected_rows", 0)
    paths: list[Location] = [*directory.iterdir()] if directory.is_dir() else []
    file_name = f"{directory.parent.name}_{directory.name}.jsonl"
    files = [path for path in paths if path.name == file_name]
    found = [
        Difference(name, "foreign files", f"{path} is none of ours: move it away")
        for path in paths
        if path not in files
    ]
    if not files:
        if expected:
            detail = f"{expected} rejected rows are recorded, but not stored: materialize it again"
            found.append(Difference(name, "missing", detail))
        return 0, found
    lines = _lines(files[0])
    if not expected and (recorded is not None or not day_is_stored):
        detail = f"{lines} rows of which the day has no record: materialize it again"
        found.append(Difference(name, "leftovers", detail))
    elif recorded is not None and recorded.get("quarantine_sha256") != content_sha256(files):
        detail = f"{lines} rows, and not those that were recorded: materialize it again"
        found.append(Difference(name, "bytes changed", detail))
    return lines, found


def _lines(file: Location) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _is_day(name: str) -> bool:
    try:
        return datetime.date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
