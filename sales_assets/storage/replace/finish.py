"""How a new directory is finished: copy the group and mode of another one, make it durable."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path


def make_alike(new: Path, model: Path) -> None:
    """Apply the group and mode of a model to a new directory and its content.

    Thus an operator's settings survive, and users of one group do not lock each other out.
    """
    copy_mode(new, model, ~0)
    for path in new.iterdir():
        copy_mode(path, model, 0o666)


def copy_mode(path: Path, model: Path, mask: int) -> None:
    """Copy the group of `model` to `path`, and the bits in `mask` of its mode.

    Both are best effort: if the file system refuses, the path stays as it is.
    """
    is_now, should_be = path.stat(), model.stat()
    # Never make it world-writable.
    mode = stat.S_IMODE(should_be.st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX) & mask
    with suppress(OSError):
        if is_now.st_gid != should_be.st_gid:
            os.chown(path, -1, should_be.st_gid)
    with suppress(OSError):
        if stat.S_IMODE(is_now.st_mode) != mode:
            path.chmod(mode)


def make_directory(path: Path) -> None:
    """Create a directory with the group and mode of its parent.

    Raises:
        FileExistsError: The name is already taken.
    """
    path.mkdir()
    copy_mode(path, path.parent, ~0)


def make_durable(directory: Path) -> None:
    """Flush a directory and its files to disk."""
    for path in directory.iterdir():
        sync(path)
    sync(directory)


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot sync a directory, and need not.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)
