"""How a day differs from its record, and from the upstream day that it is made from.

Checks, readers and `verify` use these functions. How to handle a difference does not belong here.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.http.errors import printable
from sales_assets.http.secrets import shown
from sales_assets.storage.day_directories import Layer, MissingPartitionError
from sales_assets.storage.files import InvalidPartitionError, entries, is_dropping
from sales_assets.storage.location import Location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.recorded import is_made_from
from sales_assets.storage.replace import PublishError, ReplacedError

Metadata = Mapping[str, Any]


class Kind(str, Enum):
    """The kind of a difference; its value is shown to people and programs."""

    MISSING = "missing"
    UNRECORDED = "unrecorded"
    CHANGED = "bytes changed"
    OUTDATED = "outdated"
    ROWS_DIFFER = "rows differ"
    DAMAGED = "damaged"
    FOREIGN = "foreign files"
    LEFTOVERS = "leftovers"
    SYSTEM = "system files"


_KINDS: Mapping[type[Exception], Kind] = {
    ReplacedError: Kind.LEFTOVERS,
    PublishError: Kind.FOREIGN,
    InvalidPartitionError: Kind.DAMAGED,
}
"""What those of our own errors mean that say what to do."""


class Difference(NamedTuple):
    """Something that is not as recorded, in an asset, the `quarantine` or the `storage`."""

    where: str
    kind: Kind
    detail: str
    fixed: bool = False

    @property
    def matters(self) -> bool:
        """Whether it needs action."""
        return not self.fixed and self.kind != Kind.SYSTEM

    def __str__(self) -> str:
        fixed = " (fixed)" if self.fixed else ""
        return printable(f"{self.where}: {self.kind.value}{fixed}: {self.detail}")


def content_difference(recorded: Metadata, stored: Metadata) -> str:
    """Return how content, as `describe` describes it, differs from its record; empty if equal."""
    if recorded["sha256"] != stored["sha256"]:
        how = (
            f"{stored['bytes']} bytes with SHA-256 {stored['sha256'][:12]}..., recorded "
            f"{recorded.get('bytes')} with {recorded['sha256'][:12]}..."
        )
    elif recorded.get("sizes_sha256", stored["sizes_sha256"]) != stored["sizes_sha256"]:
        how = "bytes moved from one file to another"
    else:
        return ""
    return f"the content differs from the record ({how}): materialize it again"


def source_difference(
    name: str,
    recorded: Metadata | None,
    rows: int,
    source_name: str,
    source: Metadata | None,
    source_rows: int,
) -> Difference | None:
    """Compare a day with the stored upstream day: their records, if any, and their row counts.

    Rejected rows count, too.
    """
    if recorded and source and not is_made_from(recorded, source):
        kind, what = Kind.OUTDATED, f"made from an older version of {source_name}"
    elif rows != source_rows:
        kind = Kind.ROWS_DIFFER
        what = f"{rows} rows, including rejected ones, but {source_name} has {source_rows}"
    else:
        return None
    return Difference(name, kind, f"{what}: materialize {name} again")


def compare_day(
    layers: Sequence[Layer], day: str, recorded: Mapping[dg.AssetKey, Mapping[str, Metadata]]
) -> list[Difference]:
    """Compare a day of all layers, each after its upstream layer, with their records."""
    found: list[Difference] = []
    row_counts: dict[dg.AssetKey, int | None] = {}
    for layer in layers:
        record, source = recorded[layer.asset].get(day), layer.made_from
        rows = row_counts[layer.asset] = _compare_files(layer, day, record, found)
        rejected = 0
        if layer.storage.has_quarantine:
            rejected = _compare_quarantine(layer, day, record, rows is not None, found)
        source_rows = row_counts[source.asset] if source else None
        if source is None or source_rows is None:
            continue
        if rows is not None:
            source_record = recorded[source.asset].get(day)
            difference = source_difference(
                layer.name, record, rows + rejected, source.name, source_record, source_rows
            )
            found += [difference] if difference else []
        elif record is None:
            detail = f"{source.name} has this day: materialize {layer.name}"
            found.append(Difference(layer.name, Kind.MISSING, detail))
    return found


def _compare_files(
    layer: Layer, day: str, recorded: Metadata | None, found: list[Difference]
) -> int | None:
    """Compare the files of a day with its record; count its rows, if it is readable."""
    storage, name = layer.storage, layer.name
    try:
        with storage.reading(layer.asset, day) as (files, _):
            stored = storage.describe(files)
            paths = entries(storage.directory(layer.asset, day))
    except MissingPartitionError:
        if recorded:
            found.append(Difference(name, Kind.MISSING, "recorded but not stored"))
        return None
    except Exception as error:
        # A damaged file may raise any error.
        found.append(unreadable(name, error, name))
        return None
    ours = {path.name for path in files}
    others = [path for path in paths if path.name not in ours and not is_dropping(path.name)]
    found += [stranger(name, path, "a file of this day") for path in others]
    if recorded is None:
        detail = "stored but never recorded: record it with --fix"
        found.append(Difference(name, Kind.UNRECORDED, detail))
    elif wrong := content_difference(recorded, stored):
        found.append(Difference(name, Kind.CHANGED, wrong))
    return int(stored["dagster/row_count"])


def _compare_quarantine(
    layer: Layer, day: str, recorded: Metadata | None, day_is_stored: bool, found: list[Difference]
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
    rows, expected = stored["rejected_rows"], recorded or {}
    before, now = (one.get("quarantine_sha256") for one in (expected, stored))
    if before != now and (recorded or not day_is_stored):
        kind = Kind.CHANGED if before and now else Kind.LEFTOVERS if now else Kind.MISSING
        counts = f"{rows} rows stored, {expected.get('rejected_rows', 0)} recorded"
        detail = f"{counts}, and they differ: materialize it again"
        found.append(Difference(QUARANTINE, kind, detail))
    return int(rows)


def unreadable(where: str, error: Exception, asset: str = "") -> Difference:
    """Return the difference for something that cannot be read, of an asset or of none."""
    if kind := _KINDS.get(type(error)):
        return Difference(where, kind, str(error))
    if isinstance(error, OSError):
        detail = f"cannot be read ({error}): give this user read access, and check the disk"
    else:
        detail = f"cannot be read ({shown(repr(error), 100)}): materialize {asset} again"
    return Difference(where, Kind.DAMAGED, detail)


def stranger(where: str, path: Location, expected: str) -> Difference:
    """Return the difference for a file that is not what is expected there."""
    if is_dropping(path.name):
        detail = f"{path} was created by the operating system and is harmless"
        return Difference(where, Kind.SYSTEM, detail)
    return Difference(where, Kind.FOREIGN, f"{path} is not {expected}: move it away")
