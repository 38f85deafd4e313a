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

from sales_assets.http_jobs.refusals import DirectoryError, NotWholeError
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.replace import directories_of
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
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class StoredDay(NamedTuple):
    """A day in a storage.

    Attributes:
        root: Real path of the storage's root.
        day: `YYYY-MM-DD`.
    """

    root: Path
    day: str


def stored_day(directories: Mapping[str, str], roots: Sequence[Path]) -> StoredDay:
    """Find out which day of which storage the directories of a request stand for.

    Args:
        directories: Layer (`raw`, `stg`) to the directory that a request names for it.
        roots: The allowed roots, absolute paths.

    Raises:
        DirectoryError: A directory does not have the form, or lies outside every allowed root, or
            the directories do not belong together.
    """
    days = {layer: _stored_day(layer, text, roots) for layer, text in directories.items()}
    if len(set(days.values())) > 1:
        named = " and ".join(f"{layer}_dir {directories[layer]!r}" for layer in days)
        raise DirectoryError(f"{named} are not the same day below the same root")
    day = next(iter(days.values()))
    refuse_strangers(day)
    return day


def refuse_strangers(day: StoredDay) -> None:
    """Look at what lies where a run of this day reads and writes.

    Raises:
        DirectoryError: There is a symlink, or something else in the place of a directory; the root
            itself may have become one since the request was read.
    """
    if os.path.realpath(day.root) != str(day.root):
        raise DirectoryError(f"{day.root} is a symlink, or lies beyond one")
    nearest = next(path for path in (day.root, *day.root.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise DirectoryError(f"{nearest} is in the way: it is not a directory")
    for layer in (*LAYERS, QUARANTINE):
        directory = day.root / layer / NAME / day.day
        _refuse_strangers(day.root, directory, depth=1)
    _refuse_strangers(day.root, day.root / WORK, depth=_WORK_DEPTH)


def check_pages(day: StoredDay) -> None:
    """Look at what is to be read as pages, before a run opens it.

    Raises:
        NotWholeError: There is no such directory, or something in it is not a regular file.
    """
    directory = day.root / LAYERS[0] / NAME / day.day
    if not directories_of(day.root).exists(directory) or not directory.is_dir():
        raise NotWholeError(f"raw_sales has no {day.day} ({directory}): materialize it first")
    if not os.access(directory, os.R_OK | os.X_OK):
        raise NotWholeError(f"{directory} may not be read by this server: change its mode")
    for entry in _entries(directory):
        if not entry.is_file(follow_symlinks=False):
            raise NotWholeError(
                f"{entry.path} is {_kind(entry)}, not a page: remove it, or materialize raw_sales "
                "again"
            )


def _stored_day(layer: str, text: str, roots: Sequence[Path]) -> StoredDay:
    field = f"{layer}_dir {text!r}"
    path = _well_formed(layer, text)
    root = Path(os.path.realpath(path.parents[2]))
    allowed = [real for real in map(_real, roots) if root.is_relative_to(real)]
    if not allowed:
        raise DirectoryError(
            f"{field} does not lie below an allowed root: a root other than BASE_DIR has to be in "
            "SALES_HTTP_ROOTS when the server starts"
        )
    for own in (_OWN & set(root.relative_to(real).parts) for real in allowed):
        if own:
            raise DirectoryError(
                f"{field} lies within {' and '.join(sorted(own))}, a storage's own directory"
            )
    if len(os.fsencode(root)) + _ROOM > _MAX_PATH:
        raise DirectoryError(f"{layer}_dir is longer than a path of a storage can be")
    missing = sum(not os.path.lexists(parent) for parent in (root, *root.parents))
    if missing > _MAX_MISSING:
        raise DirectoryError(
            f"{layer}_dir lies {missing} levels below the last directory that exists: make its "
            "root first"
        )
    return StoredDay(root, path.name)


def _well_formed(layer: str, text: str) -> Path:
    field = f"{layer}_dir {text!r}"
    if _CONTROL.search(text):
        raise DirectoryError(f"{field} holds a control character")
    path = Path(text)
    if not path.is_absolute():
        raise DirectoryError(f"{field} is relative: send an absolute path")
    if ".." in path.parts:
        raise DirectoryError(f"{field} holds '..'")
    if len(os.fsencode(text)) >= _MAX_PATH or any(
        len(os.fsencode(part)) > _MAX_NAME for part in path.parts
    ):
        raise DirectoryError(f"{layer}_dir is longer than a path can be")
    if path.parts[-3:-1] != (layer, NAME) or not _DAY.fullmatch(path.name):
        raise DirectoryError(f"{field} does not have the form ROOT/{layer}/{NAME}/YYYY-MM-DD")
    return path


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refuse_strangers(root: Path, used: Path, depth: int) -> None:
    """Refuse what is not a real directory on the way from the root, and symlinks in it."""
    for path in (*reversed(used.relative_to(root).parents), used.relative_to(root)):
        if os.path.lexists(root / path) and not stat.S_ISDIR((root / path).lstat().st_mode):
            raise DirectoryError(
                f"{root / path} is in the way: it is a symlink, or not a directory"
            )
    for entry in _entries(used, depth):
        if entry.is_symlink():
            raise DirectoryError(f"{entry.path} is a symlink: remove it")


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


def _kind(entry: "os.DirEntry[str]") -> str:
    mode = entry.stat(follow_symlinks=False).st_mode
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symlink",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
