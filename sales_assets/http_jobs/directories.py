"""Which directories the HTTP jobs accept: `ROOT/raw/sales/DATE` and `ROOT/stg/sales/DATE`.

A request names directories, so these rules are what keeps its run inside the allowed roots. They
hold for real paths, as the file system sees them: no `..`, no symlink on the way or in a directory
that a run touches. What the files hold is the business of the storage.

The rules look at names, at the time of the request and again right before its run. Somebody who
may write below an allowed root can exchange a directory for a symlink after that; what remains then
is in docs/http-jobs.md.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sales_assets.http.address import InvalidAddressError
from sales_assets.http_jobs.refusals import RequestError
from sales_assets.storage.location import location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.replace.work import WORK

LAYERS = ("raw", "stg")
NAME = "sales"

_OWN = frozenset({*LAYERS, QUARANTINE, WORK})
"""Names of the directories that a storage keeps for itself."""
_MAX_NAME = 255
_MAX_PATH = os.pathconf("/", "PC_PATH_MAX")
_ROOM = 256
"""Bytes of a path that a run may need below the root: the work directory and names of files."""
_MAX_MISSING = 100
"""Levels of a root that need not be there; they are made one within the other."""
_WORK_DEPTH = 6
"""How deep storage looks into the work directory: ID/old/LAYER/NAME/DAY, and the files in it."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class StoredDay(NamedTuple):
    """A day in a storage.

    Attributes:
        root: Real path of the storage's root.
        day: `YYYY-MM-DD`.
    """

    root: Path
    day: str

    def __str__(self) -> str:
        return f"{self.day} below {str(self.root)!r}"


def stored_day(directories: Mapping[str, str], roots: Sequence[Path]) -> StoredDay:
    """Find out which day of which storage the directories of a request stand for.

    Args:
        directories: Layer (`raw`, `stg`) to the directory that a request names for it.
        roots: The allowed roots, absolute paths.

    Raises:
        RequestError: A directory does not have the form, or lies outside every allowed root, or
            the directories do not belong together.
    """
    days = {layer: _stored_day(layer, text, roots) for layer, text in directories.items()}
    if len(set(days.values())) > 1:
        named = " and ".join(f"{layer}_dir {directories[layer]!r}" for layer in days)
        raise RequestError(f"{named} are not the same day below the same root")
    day = next(iter(days.values()))
    refuse_strangers(day)
    return day


def refuse_strangers(day: StoredDay) -> None:
    """Look at what lies where a run of this day reads and writes.

    Raises:
        RequestError: There is a symlink, or something else in the place of a directory; the root
            itself may have become one since the request was read.
    """
    if os.path.realpath(day.root) != str(day.root):
        raise RequestError(f"{day.root} is a symlink, or lies beyond one")
    nearest = next(path for path in (day.root, *day.root.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise RequestError(f"{nearest} is in the way: it is not a directory")
    for layer in (*LAYERS, QUARANTINE):
        directory = day.root / layer / NAME / day.day
        _refuse_strangers(day.root, directory, depth=1)
    _refuse_strangers(day.root, day.root / WORK, depth=_WORK_DEPTH)


def _stored_day(layer: str, text: str, roots: Sequence[Path]) -> StoredDay:
    field = f"{layer}_dir {text!r}"
    path = Path(text)
    if not path.is_absolute():
        raise RequestError(f"{field} is relative: send an absolute path")
    if ".." in path.parts:
        raise RequestError(f"{field} holds '..'")
    if path.parts[-3:-1] != (layer, NAME) or not _DAY.fullmatch(path.name):
        raise RequestError(f"{field} does not have the form ROOT/{layer}/{NAME}/YYYY-MM-DD")
    root = _real_root(field, path.parents[2])
    allowed = [real for real in map(_real, roots) if root.is_relative_to(real)]
    if not allowed:
        raise RequestError(
            f"{field} does not lie below an allowed root: a root other than BASE_DIR has to be in "
            "SALES_HTTP_ROOTS when the server starts"
        )
    own = {name for real in allowed for name in root.relative_to(real).parts} & _OWN
    if own:
        raise RequestError(
            f"{field} lies within {' and '.join(sorted(own))}, a storage's own directory"
        )
    missing = sum(not os.path.lexists(parent) for parent in (root, *root.parents))
    if missing > _MAX_MISSING:
        raise RequestError(
            f"{layer}_dir lies {missing} levels below the last directory that exists: make its "
            "root first"
        )
    return StoredDay(root, path.name)


def _real_root(field: str, path: Path) -> Path:
    """Resolve the root of a directory; it has to be one that a storage can have."""
    try:
        location(str(path))
        root = _real(path)
        location(str(root))
    except InvalidAddressError as error:
        raise RequestError(f"{field} has a root that cannot be a BASE_DIR: {error}") from error
    longest = max(len(os.fsencode(part)) for part in root.parts)
    if longest > _MAX_NAME or len(os.fsencode(root)) + _ROOM > _MAX_PATH:
        raise RequestError(f"{field[:100]}... is longer than a path of a storage can be")
    return root


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse_strangers(root: Path, used: Path, depth: int) -> None:
    """Refuse what is not a real directory on the way from the root, and symlinks in it."""
    for path in (*reversed(used.relative_to(root).parents), used.relative_to(root)):
        if os.path.lexists(root / path) and not stat.S_ISDIR((root / path).lstat().st_mode):
            raise RequestError(f"{root / path} is in the way: it is a symlink, or not a directory")
    for entry in _entries(used, depth):
        if entry.is_symlink():
            raise RequestError(f"{entry.path} is a symlink: remove it")


def _entries(directory: Path | str, depth: int = 1) -> Iterator["os.DirEntry[str]"]:
    """List what lies in a directory, down to a depth, as far as it is there and may be read."""
    try:
        with os.scandir(directory) as entries:
            found = list(entries)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in found:
        yield entry
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            yield from _entries(entry.path, depth - 1)
