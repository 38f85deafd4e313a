"""What is to be done to a new directory: give it the group and mode of another, make it durable."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path


def make_alike(new: Path, model: Path) -> None:
    """Give a new directory, and what is in it, the group and the mode of its model.

    So what an operator has set survives, and users of one group do not lock each other out.
    """
    copy_mode(new, model, ~0)
    for path in new.iterdir():
        copy_mode(path, model, 0o666)


def copy_mode(path: Path, model: Path, mask: int) -> None:
    """Give `path` the group of `model`, and its mode as far as `mask` goes.

    Both are a courtesy: where a file system refuses it, the path stays as it is.
    """
    is_now, should_be = path.stat(), model.stat()
    # Nobody is made to let everybody write.
    mode = stat.S_IMODE(should_be.st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX) & mask
    with suppress(OSError):
        if is_now.st_gid != should_be.st_gid:
            os.chown(path, -1, should_be.st_gid)
    with suppress(OSError):
        if stat.S_IMODE(is_now.st_mode) != mode:
            path.chmod(mode)


def make_directory(path: Path) -> None:
    """Make a directory with the group and the mode of the one that it lies in.

    Raises:
        FileExistsError: Something of that name is there.
    """
    path.mkdir()
    copy_mode(path, path.parent, ~0)


def make_durable(directory: Path) -> None:
    """Have the disk keep a directory and its files, come what may."""
    for path in directory.iterdir():
        sync(path)
    sync(directory)


def sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot do that for a directory, and need not.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)
