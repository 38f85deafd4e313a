"""How directories are made on a local disk: durably, with the group and mode of others.

Thus an operator's settings survive, and users of one group do not lock each other out.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def make_directory(path: Path) -> None:
    """Create a directory with the group and mode of its parent."""
    path.mkdir()
    _copy_mode(path, path.parent)


def make_directories(path: Path, base: Path) -> None:
    """Create a directory and its parents where they are missing.

    Those below `base` get the group and mode of their parents.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        # Another process may be creating it, too.
        with suppress(FileExistsError):
            one.mkdir()
            if base in one.parents:
                _copy_mode(one, one.parent)
        with suppress(OSError):
            sync(one.parent)


def finish(new: Path, model: Path) -> None:
    """Give a new directory and its files the group and mode of a model, and flush them to disk."""
    for path in new.iterdir():
        _copy_mode(path, model, 0o666)
        sync(path)
    _copy_mode(new, model)
    sync(new)


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to disk."""
    with opened(path, follow=True) as descriptor:
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some file systems cannot sync a directory, and need not.
            if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
                raise


@contextmanager
def opened(path: Path, *, follow: bool = False) -> Iterator[int]:
    """Open a file or a directory; a symlink only if it may be followed."""
    no_follow = 0 if follow else os.O_NOFOLLOW
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | no_follow)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy_mode(path: Path, model: Path, mask: int = ~0) -> None:
    info = model.stat()
    # Some file systems refuse either.
    with suppress(OSError):
        os.chown(path, -1, info.st_gid)
    with suppress(OSError):
        # Never make it world-writable.
        path.chmod(stat.S_IMODE(info.st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX) & mask)
