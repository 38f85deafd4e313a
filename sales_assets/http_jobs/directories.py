"""Which directories the HTTP jobs accept: `ROOT/raw/sales/DATE` and `ROOT/stg/sales/DATE`.

A request names directories, so these rules are what keeps its run inside the allowed roots. They
hold for real paths, as the file system sees them: no `..`, no symlink on the way or in a directory
that a run touches. What the directories hold is the business of `formats`, and who asks that of
`http_jobs`. The rules look before a run starts; they do not guard against somebody who exchanges
directories for symlinks below an allowed root while it runs.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sales_assets.storage.replace.work import WORK

LAYERS = ("raw", "stg")
NAME = "sales"

_MAX_NAME = 255
# Leaves room below the root for the work directory and the names of files.
_MAX_PATH = 3900
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class DirectoryError(ValueError):
    """A directory of a request is none that a job may use; the text names it and says why."""


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
    return next(iter(days.values()))


def _stored_day(layer: str, text: str, roots: Sequence[Path]) -> StoredDay:
    field = f"{layer}_dir {text!r}"
    path = _well_formed(layer, text)
    root = Path(os.path.realpath(path.parents[2]))
    allowed = next((real for real in map(_real, roots) if root.is_relative_to(real)), None)
    if allowed is None:
        raise DirectoryError(
            f"{field} does not lie below an allowed root: a root other than BASE_DIR has to be in "
            "SALES_HTTP_ROOTS when the server starts"
        )
    if {*LAYERS, WORK} & set(root.relative_to(allowed).parts):
        raise DirectoryError(f"{field} lies within a storage's own directories")
    for used in (*(root / each / NAME / path.name for each in LAYERS), root / WORK):
        for strange in _strange(allowed, used):
            raise DirectoryError(f"{field} cannot be used: {strange} is no directory, or a symlink")
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
    if len(os.fsencode(text)) > _MAX_PATH or any(
        len(os.fsencode(part)) > _MAX_NAME for part in path.parts
    ):
        raise DirectoryError(f"{layer}_dir is longer than a path can be")
    if path.parts[-3:-1] != (layer, NAME) or not _DAY.fullmatch(path.name):
        raise DirectoryError(f"{field} does not have the form ROOT/{layer}/{NAME}/YYYY-MM-DD")
    return path


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _strange(allowed: Path, used: Path) -> Iterator[Path]:
    """Find what is no real directory on the way to `used`, and the symlinks in it."""
    for path in (used, *used.parents):
        if not path.is_relative_to(allowed):
            break
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
            yield path
    for parent, directories, files in os.walk(used):
        for name in (*directories, *files):
            if (link := Path(parent, name)).is_symlink():
                yield link
