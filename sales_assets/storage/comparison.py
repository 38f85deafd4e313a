"""How a day differs from its record, and from the upstream day that it is made from.

Checks, readers and `verify` use these functions. How to handle a difference does not belong here.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

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
    """Something that is not as recorded.

    Attributes:
        where: The asset, `quarantine`, or `storage`.
        kind: Its kind.
        detail: The details, and what to do.
        fixed: Whether it was repaired.
    """

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
    """Compare a day with the currently stored upstream day.

    Args:
        name: The asset.
        recorded: The record of its day; None if there is none.
        rows: The row count of its day, including rejected rows.
        source_name: The upstream asset.
        source: The record of the upstream day; None if there is none.
        source_rows: The row count of the upstream day.
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
    layer: Layer, day: str, recorded: Metadata | None
) -> tuple[Metadata | None, list[Difference]]:
    """Describe a stored day, if it is readable, and compare it with its record."""
    storage, name = layer.storage, layer.name
    try:
        with storage.reading(layer.asset, day) as (files, _):
            stored = storage.describe(files)
            paths = entries(storage.directory(layer.asset, day))
    except MissingPartitionError:
        if recorded is None:
            return None, []
        return None, [Difference(name, Kind.MISSING, "recorded but not stored")]
    except Exception as error:
        # A damaged file may raise any error.
        return None, [unreadable(name, error, name)]
    ours = {path.name for path in files}
    others = [path for path in paths if path.name not in ours and not is_dropping(path.name)]
    found = [stranger(name, path, "a file of this day") for path in others]
    if recorded is None:
        detail = "stored but never recorded: record it with --fix"
        found.append(Difference(name, Kind.UNRECORDED, detail))
    elif wrong := content_difference(recorded, stored):
        found.append(Difference(name, Kind.CHANGED, wrong))
    return stored, found


def compare_quarantine(
    layer: Layer, day: str, recorded: Metadata | None, day_is_stored: bool
) -> tuple[int, list[Difference]]:
    """Count the quarantined records of a day, and compare them with its record."""
    quarantine = layer.storage.quarantine(layer.asset, day)
    try:
        with layer.storage.directories.reading(quarantine.directory) as state:
            paths = entries(quarantine.directory) if state else []
            stored = quarantine.metadata()
    except Exception as error:
        # A foreign file may raise any error.
        return 0, [unreadable(QUARANTINE, error, layer.name)]
    lines = stored["rejected_rows"]
    others = [path for path in paths if path.name != quarantine.file.name]
    found = [stranger(QUARANTINE, path, "a quarantine file") for path in others]
    before, now = ((one or {}).get("quarantine_sha256") for one in (recorded, stored))
    if before == now or (recorded is None and day_is_stored):
        return lines, found
    if now is None:
        kind, what = Kind.MISSING, "rejected rows that are recorded but not stored"
    elif before is None:
        kind, what = Kind.LEFTOVERS, f"{lines} rows that are not recorded"
    else:
        kind, what = Kind.CHANGED, f"{lines} rows that differ from the recorded ones"
    return lines, [*found, Difference(QUARANTINE, kind, f"{what}: materialize it again")]


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
