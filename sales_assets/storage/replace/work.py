"""Work directories: `ROOT/.work/ID/`, each locked (flock) by the process that uses it.

The next process that works below the same root sweeps the leftovers of a killed one; a directory
that was being replaced in two steps is restored. Undeletable leftovers stay, and foreign files are
never touched; neither blocks anyone.
"""

import errno
import fcntl
import logging
import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

from sales_assets.storage.replace.errors import PublishError
from sales_assets.storage.replace.finish import copy_mode, make_directory, sync

WORK = ".work"

_log = logging.getLogger(__name__)

_SECONDS_IN_SILENCE = 5.0
_OLD = "old"
_ID = re.compile(r"[0-9a-f]{32}")
_one_at_a_time = threading.Lock()
"""Lock between the threads of this process, which is cheaper than waiting for a file lock."""
_living: set[str] = set()
"""Work directories of this process, whose locks a sweep need not try."""


def root_for(base: Path, directory: Path) -> Path:
    """Choose where to work: below `base`, or beside a volume that is mounted below it."""
    root = path = base
    with suppress(FileNotFoundError, NotADirectoryError):
        volume = _volume(path)
        for name in directory.relative_to(base).parts[:-1]:
            path = path / name
            if _volume(path) != volume:
                root, volume = path, _volume(path)
    return root / WORK


def roots_below(base: Path) -> list[Path]:
    """List all roots below a storage where work may have been left."""
    roots = [base / WORK]
    for pattern in ("*", "*/*"):
        roots += [path / WORK for path in sorted(base.glob(pattern))]
    # Without following symlinks: their targets are not ours.
    real = Path(os.path.realpath(base))
    return [
        root for root in roots if root.is_dir() and root.resolve() == real / root.relative_to(base)
    ]


@contextmanager
def place(root: Path) -> Iterator[Path]:
    """Provide an empty directory below `root` during a `with` block.

    Args:
        root: A directory named `.work`; created if necessary.

    Raises:
        PublishError: `root` is a symlink, or its file system has no locks.
        OSError: `root` is not writable.
    """
    if root.is_symlink():
        raise PublishError(f"{root} is a symlink: remove it, and run again")
    mine = root / uuid.uuid4().hex
    with ExitStack() as stack:
        make(root)
        # The lock on the root keeps sweeps away from a directory that has no lock yet.
        with _one_at_a_time, locked(root):
            _sweep(root)
            _living.add(mine.name)
            stack.callback(_living.discard, mine.name)
            # Other group members may have to delete it.
            make_directory(mine)
            stack.enter_context(locked(mine))
        try:
            yield mine
        finally:
            _clear(mine)


def backup_path(mine: Path, directory: Path) -> Path:
    """Return the path in a work directory for a directory that is replaced in two steps.

    A sweep finds it again, below the parent of the root.
    """
    return mine / _OLD / quote(str(directory.relative_to(mine.parents[1])), safe="")


def has_backup(root: Path, directory: Path) -> bool:
    """Return whether a process, dead or alive, has put a directory aside below `root`."""
    pattern = str(backup_path(root / "*", directory).relative_to(root))
    return any(root.glob(pattern))


def sweep(root: Path) -> None:
    """Delete what dead processes left below `root`, as far as possible."""
    with suppress(OSError), locked(root):
        _sweep(root)


def left_in(root: Path) -> Iterator[Path]:
    """Find what dead processes left below `root`."""
    for path in _places(root):
        with suppress(OSError), opened(path) as descriptor:
            if _lock_now(descriptor):
                yield path


def strangers_in(root: Path) -> list[Path]:
    """List the entries of `root` that are not work directories."""
    ours = set(_places(root))
    return sorted(path for path in root.iterdir() if path not in ours)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Wait for the lock of a directory and hold it; it ends with the process at the latest.

    Raises:
        PublishError: The file system has no locks.
    """
    with opened(directory) as descriptor:
        try:
            if not _lock_now(descriptor):
                _wait_for_lock(descriptor, directory)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
                raise PublishError(
                    f"the file system of {directory} has no locks (flock: {error.strerror}), "
                    "without which runs would interfere with each other: put BASE_DIR on another "
                    "one, or mount this one with locks"
                ) from error
            raise
        yield


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file or a directory, without following symlinks."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make(root: Path) -> None:
    """Create a root with its parents, all durable, with the mode of the directory above."""
    missing = [path for path in (root, *root.parents) if not path.exists()]
    for path in reversed(missing):
        # Another process may be creating it, too.
        with suppress(FileExistsError):
            path.mkdir()
            if path == root:
                copy_mode(path, path.parent, ~0)
        with suppress(OSError):
            sync(path.parent)


def _volume(path: Path) -> object:
    """Return an id of what renames cannot cross: the device, and on Linux the mount.

    A container volume is often on the same device as the directory it is mounted in.
    """
    device, flags = path.stat().st_dev, getattr(os, "O_PATH", None)
    if flags is None:
        return device
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        info = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
    except OSError:
        return device
    finally:
        os.close(descriptor)
    return device, [line for line in info.splitlines() if line.startswith("mnt_id:")]


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


def _wait_for_lock(descriptor: int, directory: Path) -> None:
    told = "waiting for the lock on %s, held by another process; if that hangs, kill it"
    timer = threading.Timer(_SECONDS_IN_SILENCE, _log.warning, (told, directory))
    timer.daemon = True
    timer.start()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        timer.cancel()


def _sweep(root: Path) -> None:
    for left in _places(root):
        if left.name in _living:
            continue
        # A directory may vanish at any moment, when its live owner is done with it.
        with suppress(OSError), opened(left) as descriptor:
            if _lock_now(descriptor):
                _clear(left)


def _clear(left: Path) -> None:
    """Restore directories put aside but not replaced, then delete the rest."""
    for old in (left / _OLD).iterdir() if (left / _OLD).is_dir() else ():
        name = Path(unquote(old.name))
        target = left.parents[1] / name
        if not (name.is_absolute() or ".." in name.parts or os.path.lexists(target)):
            old.rename(target)
    shutil.rmtree(left, ignore_errors=True)
