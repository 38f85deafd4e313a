"""How a day differs from its record, and from the upstream day that it is made from.

Checks, readers and `verify` use these functions. How to handle a difference does not belong here.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

from sales_assets.http.errors import printable
from sales_assets.http.secrets import shown
from sales_assets.storage.day_directories import Layer, MissingPartitionError
from sales_assets.storage.files import InvalidPartitionError, entries, is_dropping
from sales_assets.storage.location import Location
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


def content_differences(recorded: Metadata, stored: Metadata) -> Iterator[str]:
    """Compare the content of a stored day with its record.

    Args:
        recorded: Its record.
        stored: Its description from `describe`.
    """
    if recorded["sha256"] != stored["sha256"]:
        yield (
            "the content differs from the record "
            f"({stored['bytes']} bytes with SHA-256 {stored['sha256'][:12]}..., recorded "
            f"{recorded.get('bytes')} with {recorded['sha256'][:12]}...)"
        )
    elif recorded.get("sizes_sha256", stored["sizes_sha256"]) != stored["sizes_sha256"]:
        yield "the content differs from the record (bytes moved from one file to another)"


def source_differences(
    name: str, recorded: Metadata | None, source: Metadata | None, rows: int, source_rows: int
) -> Iterator[tuple[Kind, str]]:
    """Compare a day with the currently stored upstream day.

    Args:
        name: The upstream asset.
        recorded: The record of the day; None if there is none.
        source: The record of the upstream day; None if there is none.
        rows: The row count of the day, including rejected rows.
        source_rows: The row count of the upstream day.
    """
    if recorded and source and not is_made_from(recorded, source):
        yield Kind.OUTDATED, f"made from an older version of {name}"
    elif rows != source_rows:
        yield (
            Kind.ROWS_DIFFER,
            f"{rows} rows, including rejected ones, but {name} has {source_rows}",
        )


def compare_layer(
    layer: Layer, day: str, recorded: Metadata | None
) -> tuple[Metadata | None, list[Difference]]:
    """Describe a stored day, if it is readable, and compare it with its record."""
    storage = layer.storage
    try:
        stored = storage.describe(layer.asset, day)
        strangers = storage.strangers(layer.asset, day)
    except MissingPartitionError:
        if recorded is None:
            return None, []
        return None, [Difference(layer.name, Kind.MISSING, "recorded but not stored")]
    except ReplacedError as error:
        return None, [Difference(layer.name, Kind.LEFTOVERS, str(error))]
    except PublishError as error:
        return None, [Difference(layer.name, Kind.FOREIGN, str(error))]
    except InvalidPartitionError as error:
        return None, [Difference(layer.name, Kind.DAMAGED, str(error))]
    except PermissionError as error:
        return None, [unreadable(layer.name, error)]
    except Exception as error:
        # A damaged file may raise any error.
        detail = f"cannot be read ({shown(repr(error), 100)}): materialize {layer.name} again"
        return None, [Difference(layer.name, Kind.DAMAGED, detail)]
    found = [stranger(layer.name, path, "not a file of this day") for path in strangers]
    if recorded is None:
        detail = "stored but never recorded: record it with --fix"
        return stored, [*found, Difference(layer.name, Kind.UNRECORDED, detail)]
    return stored, found + [
        Difference(layer.name, Kind.CHANGED, f"{one}: materialize it again")
        for one in content_differences(recorded, stored)
    ]


def compare_quarantine(
    layer: Layer, day: str, recorded: Metadata | None
) -> tuple[int, list[Difference]]:
    """Count the quarantined records of a day, and compare the count with its record."""
    name = "quarantine"
    place = layer.storage.quarantine(layer.asset, day)
    expected = (recorded or {}).get("rejected_rows", 0)
    try:
        paths: list[Location] = []
        if layer.storage.directories.exists(place.directory):
            with layer.storage.directories.reading(place.directory):
                paths = entries(place.directory)
        lines, stored = place.count(), place.stored()
        day_is_stored = layer.storage.directories.exists(layer.storage.directory(layer.asset, day))
    except PermissionError as error:
        return 0, [unreadable(name, error)]
    except (InvalidPartitionError, PublishError, ReplacedError, OSError) as error:
        detail = f"{place.directory} cannot be read ({error}): move it away"
        return 0, [Difference(name, Kind.DAMAGED, detail)]
    found = [
        stranger(name, path, "not a quarantine file")
        for path in paths
        if path.name != place.file.name
    ]
    if not stored and expected:
        detail = f"{expected} rejected rows are recorded but not stored: materialize it again"
        found.append(Difference(name, Kind.MISSING, detail))
    elif stored and not expected and (recorded is not None or not day_is_stored):
        detail = f"{lines} rows that are not recorded: materialize it again"
        found.append(Difference(name, Kind.LEFTOVERS, detail))
    elif recorded is not None and recorded.get("quarantine_sha256") != stored.get(
        "quarantine_sha256"
    ):
        detail = f"{lines} rows that differ from the recorded ones: materialize it again"
        found.append(Difference(name, Kind.CHANGED, detail))
    return lines, found


def unreadable(where: str, error: OSError) -> Difference:
    """Return the difference for a path that this user cannot read."""
    return Difference(where, Kind.DAMAGED, f"cannot be read ({error}): give this user read access")


def stranger(where: str, path: Location, what: str) -> Difference:
    """Return the difference for a foreign file; files of the operating system are harmless."""
    if is_dropping(path.name):
        detail = f"{path} was created by the operating system and is harmless"
        return Difference(where, Kind.SYSTEM, detail)
    return Difference(where, Kind.FOREIGN, f"{path} is {what}: move it away")
