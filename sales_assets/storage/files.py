"""Files in a partition directory: which of them are ours, and how they are opened.

Only regular files are opened: a FIFO would block its reader forever, and a symlink could lead
anywhere.
"""

import errno
import os
import stat
from pathlib import Path
from typing import IO, cast

from sales_assets.feed.stream import UpstreamDayError
from sales_assets.storage.location import Location

_DROPPINGS = frozenset(
    (
        *(".ds_store", ".localized", ".appledouble", ".fseventsd", ".temporaryitems"),
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "system volume information", "$recycle.bin"),
        *(".directory", "lost+found", "@eadir", ".snapshot"),
    )
)
_DROPPING_STARTS = ("._", ".nfs", ".fuse_hidden", ".smbdelete", ".~lock.", ".trash", ".spotlight-")


class InvalidPartitionError(UpstreamDayError):
    """The content of a partition directory does not match its format, or would not."""


def is_dropping(name: str) -> bool:
    """Return whether an operating system or a file server creates files of this name.

    They are harmless, and come back when deleted. An object store's console creates an empty
    object for a folder, whose name is empty or ends in `_$folder$`.
    """
    lower = name.lower()
    return (
        lower in _DROPPINGS
        or lower.startswith(_DROPPING_STARTS)
        or lower.endswith("_$folder$")
        or not name
    )


def entries(directory: Location) -> list[Location]:
    """List the entries of a directory, by name.

    The empty object that a console creates for the folder itself looks like an entry of the same
    name (tried: universal_pathlib 0.3 on S3), and is left out.
    """
    own = set() if isinstance(directory, Path) else {"", directory.name}
    paths: list[Location] = [path for path in directory.iterdir() if path.name not in own]
    return sorted(paths, key=str)


def open_file(path: Location) -> IO[bytes]:
    """Open a file to read it.

    Raises:
        InvalidPartitionError: It is not a regular file.
        OSError: It cannot be opened.
    """
    if not isinstance(path, Path):
        return cast(IO[bytes], path.open("rb"))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # A symlink, or a socket.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP):
            raise _irregular(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _irregular(path)
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path


def read_file(path: Location) -> bytes:
    """Read a file as `open_file` opens it."""
    if not isinstance(path, Path):
        # Without querying its size first.
        return cast(bytes, path.fs.cat_file(path.path))
    with open_file(path) as file:
        return file.read()


def _irregular(path: Path) -> InvalidPartitionError:
    return InvalidPartitionError(
        f"{path} is not a regular file (it may be a link, a pipe or a directory): move it away, "
        "and materialize this partition again"
    )
