"""The directories that a request names, `ROOT/raw/sales/DATE` and `ROOT/stg/sales/DATE`.

docs/http-jobs.md lists the rules for them, and what somebody who may write below an allowed root
can still do. They look at names; storage checks what the files contain.
"""

import os
import re
import stat
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from werkzeug.exceptions import BadRequest, Conflict

from sales_assets.http.address import InvalidAddressError
from sales_assets.storage.location import location
from sales_assets.storage.quarantine import LAYER as QUARANTINE
from sales_assets.storage.replace import PublishError
from sales_assets.storage.replace.work import WORK, place

_LAYERS = ("raw", "stg")
_NAME = "sales"
_OWN = frozenset({*_LAYERS, QUARANTINE, WORK})
"""Names of the directories that a storage keeps for itself."""
_LONGEST_ROOT = 1024
"""In bytes: every file system accepts what a run creates below such a root."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class StoredDay(NamedTuple):
    """A day in the storage whose root has a real path."""

    root: Path
    day: str

    def __str__(self) -> str:
        return f"{self.day} below {str(self.root)!r}"


def stored_day(directories: Mapping[str, str], roots: Sequence[Path]) -> StoredDay:
    """Return the day that directories belong to, by layer, if they are below an allowed root.

    Raises:
        BadRequest: A directory is not allowed, or they do not belong together.
    """
    day, *others = {_stored_day(layer, text, roots) for layer, text in directories.items()}
    if others:
        named = " and ".join(f"{layer}_dir {text!r}" for layer, text in directories.items())
        raise BadRequest(f"{named} are not the same day below the same root")
    refuse_strangers(day)
    return day


def refuse_strangers(day: StoredDay) -> None:
    """Raise `BadRequest` for symlinks, and for what is in the way of a run's directories."""
    if os.path.realpath(day.root) != str(day.root):
        raise BadRequest(f"{day.root} is a symlink, or is reached through one")
    for used in (*(f"{layer}/{_NAME}/{day.day}" for layer in (*_LAYERS, QUARANTINE)), WORK):
        place = day.root / used
        for path in (place, *place.parents):
            if os.path.lexists(path) and not stat.S_ISDIR(path.lstat().st_mode):
                raise BadRequest(f"{path} is in the way: it is a symlink, or not a directory")
        # Directories that do not exist, or may not be read, are passed over.
        for directory, directories, files in os.walk(place):
            for path in (Path(directory, name) for name in (*directories, *files)):
                if path.is_symlink():
                    raise BadRequest(f"{path} is a symlink: remove it")


@contextmanager
def locked_day(day: StoredDay) -> Iterator[None]:
    """Lock a day, for both of its assets, against the requests of all servers of its storage.

    The lock ends with the server that holds it, as its runs do, so it shows whether a run is alive.
    It is a work directory of the storage, whose next run sweeps up what a killed server left.

    Raises:
        Conflict: It is locked already.
        BadRequest: The storage cannot be written to.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{_NAME}/{day.day}").hex
    with ExitStack() as stack:
        try:
            stack.enter_context(place(day.root / WORK, name))
        except (BlockingIOError, FileNotFoundError):  # The last user has just deleted it.
            message = f"another request is writing {day}: try again when it has finished"
            raise Conflict(message) from None
        except (OSError, PublishError) as error:
            raise BadRequest(f"cannot write to {day.root}: {error}") from error
        yield


def _stored_day(layer: str, text: str, roots: Sequence[Path]) -> StoredDay:
    field = f"{layer}_dir {text!r}"
    path = Path(text)
    if not path.is_absolute():
        raise BadRequest(f"{field} is relative: send an absolute path")
    if ".." in path.parts:
        raise BadRequest(f"{field} contains '..'")
    if path.parts[-3:-1] != (layer, _NAME) or not _DAY.fullmatch(path.name):
        raise BadRequest(f"{field} does not have the form ROOT/{layer}/{_NAME}/YYYY-MM-DD")
    try:
        location(str(path.parents[2]))
        root = Path(os.path.realpath(path.parents[2]))
        location(str(root))
    except InvalidAddressError as error:
        raise BadRequest(f"{field} has a root that cannot be a BASE_DIR: {error}") from error
    if len(os.fsencode(root)) > _LONGEST_ROOT:
        raise BadRequest(f"{field[:100]}... is too long for a storage path")
    allowed = [real for real in map(os.path.realpath, roots) if root.is_relative_to(real)]
    if not allowed:
        raise BadRequest(
            f"{field} is not below an allowed root: add a root to SALES_HTTP_ROOTS, and restart "
            "the server"
        )
    own = {name for real in allowed for name in root.relative_to(real).parts} & _OWN
    if own:
        raise BadRequest(
            f"{field} is inside {' and '.join(sorted(own))}, which is reserved for the storage"
        )
    return StoredDay(root, path.name)
