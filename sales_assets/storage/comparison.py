"""The ways in which a day can differ from its record, and from the day that it is made from."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from sales_assets.http.errors import printable
from sales_assets.http.secrets import shown
from sales_assets.storage.files import InvalidPartitionError, is_dropping
from sales_assets.storage.location import Location
from sales_assets.storage.recorded import Record, is_made_from
from sales_assets.storage.replace import PublishError, ReplacedError

Kind = Literal[
    "missing",
    "unrecorded",
    "bytes changed",
    "outdated",
    "rows differ",
    "damaged",
    "foreign files",
    "leftovers",
    "system files",
]

# What those of our own errors mean that say what to do.
_KINDS: Mapping[type[Exception], Kind] = {
    ReplacedError: "leftovers",
    PublishError: "foreign files",
    InvalidPartitionError: "damaged",
}


class Difference(NamedTuple):
    """Something that is not as recorded, in an asset, the `quarantine` or the `storage`."""

    where: str
    kind: Kind
    detail: str
    fixed: bool = False

    @property
    def matters(self) -> bool:
        """Whether it needs action."""
        return not self.fixed and self.kind != "system files"

    def __str__(self) -> str:
        fixed = " (fixed)" if self.fixed else ""
        return printable(f"{self.where}: {self.kind}{fixed}: {self.detail}")


def content_difference(recorded: Record, stored: Record) -> str:
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
    recorded: Record | None,
    rows: int,
    source_name: str,
    source: Record | None,
    source_rows: int,
) -> Difference | None:
    """Compare a day with the stored upstream day: their records, if any, and their row counts.

    Rejected rows count, too.
    """
    if recorded and source and not is_made_from(recorded, source):
        kind: Kind = "outdated"
        what = f"made from an older version of {source_name}"
    elif rows != source_rows:
        kind = "rows differ"
        what = f"{rows} rows, including rejected ones, but {source_name} has {source_rows}"
    else:
        return None
    return Difference(name, kind, f"{what}: materialize {name} again")


def unreadable(where: str, error: Exception, asset: str = "") -> Difference:
    """Return the difference for something that cannot be read, of an asset or of none."""
    if kind := _KINDS.get(type(error)):
        return Difference(where, kind, str(error))
    if isinstance(error, OSError):
        detail = f"cannot be read ({error}): give this user read access, and check the disk"
    else:
        detail = f"cannot be read ({shown(repr(error), 100)}): materialize {asset} again"
    return Difference(where, "damaged", detail)


def stranger(where: str, path: Location, expected: str) -> Difference:
    """Return the difference for a file that is not what is expected there."""
    if is_dropping(path.name):
        detail = f"{path} was created by the operating system and is harmless"
        return Difference(where, "system files", detail)
    return Difference(where, "foreign files", f"{path} is not {expected}: move it away")
