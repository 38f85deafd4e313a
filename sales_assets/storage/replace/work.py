"""Places to work in: `ROOT/.work/ID/`, locked (flock) by the process that works there.

What a killed process left is swept up by the next one that works below the same root. What cannot
be deleted stays, and what is not ours is never touched; neither stops anybody.
"""

import errno
import fcntl
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sales_assets.storage.replace.errors import PublishError

WORK = ".work"

_ID = re.compile(r"[0-9a-f]{32}")
_living: set[str] = set()
"""Places of this process, which a sweep need not try the lock of."""


@contextmanager
def place(root: Path, restore: Callable[[Path], None]) -> Iterator[Path]:
    """Give an empty directory below `root` for as long as it lasts.

    Args:
        root: A directory named `.work`; it is made if need be.
        restore: Takes back what is worth it from the place of a dead process, before that is
            cleared away.

    Raises:
        PublishError: `root` is a symlink, or its file system has no locks.
        OSError: `root` cannot be written to.
    """
    if root.is_symlink():
        raise PublishError(f"{root} is a symlink: remove it, and run again")
    mine = root / uuid.uuid4().hex
    with ExitStack() as stack:
        make(root)
        # The lock on the root keeps a sweeper away from a place that has no lock yet.
        with locked(root):
            _sweep(root, restore)
            _living.add(mine.name)
            stack.callback(_living.discard, mine.name)
            mine.mkdir()
            # Others of the group may have to clear it away.
            mine.chmod(stat.S_IMODE(root.stat().st_mode))
            stack.enter_context(locked(mine))
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)


def sweep(root: Path, restore: Callable[[Path], None]) -> None:
    """Clear away what dead processes left below `root`, as far as that is possible."""
    with suppress(OSError), locked(root):
        _sweep(root, restore)


def left_in(root: Path) -> Iterator[Path]:
    """Find what dead processes left below `root`."""
    for path in _places(root):
        with suppress(OSError), opened(path) as descriptor:
            if _lock_now(descriptor):
                yield path


def has_left(root: Path, name: Path) -> bool:
    """Tell whether somebody, dead or alive, has something of this name below `root`."""
    return any((path / name).exists() for path in _places(root))


def strangers_in(root: Path) -> list[Path]:
    """List what lies below `root` and is not a place to work in."""
    ours = set(_places(root))
    return sorted(path for path in root.iterdir() if path not in ours)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, waiting for it; it is gone with the process at the latest.

    Raises:
        PublishError: The file system has no locks.
    """
    with opened(directory) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise PublishError(
                    f"the file system of {directory} has no locks (flock: {error.strerror}), and "
                    "without them runs would get in each other's way: put BASE_DIR on another one, "
                    "or mount this one with locks"
                ) from error
            raise
        yield


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file or a directory, but not what a symlink leads to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make(root: Path) -> None:
    """Make a root with its parents, all of them durable; it has the mode of what is above it."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if path == root:
            above = path.parent.stat()
            with suppress(PermissionError):
                os.chown(path, -1, above.st_gid)
            path.chmod(stat.S_IMODE(above.st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX))
        with suppress(OSError), opened(path.parent) as descriptor:
            os.fsync(descriptor)


def _places(root: Path) -> list[Path]:
    try:
        return [
            path
            for path in root.iterdir()
            if _ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
    except OSError:
        return []


def _lock_now(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sweep(root: Path, restore: Callable[[Path], None]) -> None:
    for left in _places(root):
        if left.name in _living:
            continue
        # A place may go at any moment, when its living owner has finished with it.
        with suppress(OSError), opened(left) as descriptor:
            if _lock_now(descriptor):
                restore(left)
                shutil.rmtree(left, ignore_errors=True)
