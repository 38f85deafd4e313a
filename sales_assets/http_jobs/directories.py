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
from collections.abc import Mapping, Sequence
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
_LONGEST_ROOT, _LONGEST_NAME = 1024, 255
"""Bytes; what a run makes below such a root has a path that every file system takes."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class StoredDay(NamedTuple):
    """A day in the storage whose root has a real path."""

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
        RequestError: A directory is not allowed, or they do not belong together.
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
        RequestError: A symlink, or something else in the place of a directory.
    """
    if os.path.realpath(day.root) != str(day.root):
        raise RequestError(f"{day.root} is a symlink, or lies beyond one")
    nearest = next(path for path in (day.root, *day.root.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise RequestError(f"{nearest} is in the way: it is not a directory")
    for used in (*(f"{layer}/{NAME}/{day.day}" for layer in (*LAYERS, QUARANTINE)), WORK):
        _refuse_symlinks(day.root, Path(used))


def _stored_day(layer: str, text: str, roots: Sequence[Path]) -> StoredDay:
    field = f"{layer}_dir {text!r}"
    path = Path(text)
    if not path.is_absolute():
        raise RequestError(f"{field} is relative: send an absolute path")
    if ".." in path.parts:
        raise RequestError(f"{field} holds '..'")
    if path.parts[-3:-1] != (layer, NAME) or not _DAY.fullmatch(path.name):
        raise RequestError(f"{field} does not have the form ROOT/{layer}/{NAME}/YYYY-MM-DD")
    try:
        location(str(path.parents[2]))
        root = Path(os.path.realpath(path.parents[2]))
        location(str(root))
    except InvalidAddressError as error:
        raise RequestError(f"{field} has a root that cannot be a BASE_DIR: {error}") from error
    longest = max(len(os.fsencode(part)) for part in root.parts)
    if longest > _LONGEST_NAME or len(os.fsencode(root)) > _LONGEST_ROOT:
        raise RequestError(f"{field[:100]}... is longer than a path of a storage can be")
    allowed = [real for real in map(os.path.realpath, roots) if root.is_relative_to(real)]
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
    return StoredDay(root, path.name)


def _refuse_symlinks(root: Path, used: Path) -> None:
    """Refuse what is not a real directory on the way from the root, and symlinks below."""
    for path in (*reversed(used.parents), used):
        if os.path.lexists(root / path) and not stat.S_ISDIR((root / path).lstat().st_mode):
            raise RequestError(f"{root / path} is in the way: it is a symlink, or not a directory")
    # What is not there, or may not be read, is passed over.
    for directory, directories, files in os.walk(root / used):
        for path in (Path(directory, name) for name in (*directories, *files)):
            if path.is_symlink():
                raise RequestError(f"{path} is a symlink: remove it")
