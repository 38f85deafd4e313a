"""Work directories: `ROOT/.work/ID/`, each locked (flock) by the process that uses it.

The next process that works below the same root sweeps the leftovers of a killed one; a directory
that was being replaced in two steps is restored. Undeletable leftovers stay, and foreign files are
never touched; neither blocks anyone.
"""

import errno
import fcntl
import functools
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

from sales_assets.storage.replace.directories import PublishError
from sales_assets.storage.replace.disk import make_directories, make_directory, opened

WORK = ".work"

_log = logging.getLogger(__name__)

_SECONDS_IN_SILENCE = 5.0
_OLD = "old"
_ID = re.compile(r"[0-9a-f]{32}")
_one_at_a_time = threading.RLock()
"""Between the threads of this process; cheaper than waiting for a file lock."""


@functools.lru_cache
def root_for(base: Path, parent: Path) -> Path:
    """Choose where to work on the directories in `parent`: below `base`, or a volume in it."""
    root = path = base
    # What is missing or unreadable fails later, with its own error.
    with suppress(OSError):
        for name in parent.relative_to(base).parts:
            path = path / name
            if _volume(path) != _volume(root):
                root = path
    return root / WORK


def roots_below(base: Path) -> list[Path]:
    """List all roots below a storage where work may have been left."""
    real = Path(os.path.realpath(base))
    return [
        root
        for pattern in (WORK, f"*/{WORK}", f"*/*/{WORK}")
        for root in sorted(base.glob(pattern))
        # Not through a symlink, whose target is not ours.
        if root.is_dir() and root.resolve() == real / root.relative_to(base)
    ]


@contextmanager
def place(root: Path, name: str = "") -> Iterator[Path]:
    """Provide a locked directory below `root`, with the ID `name` or else a new one.

    Raises:
        BlockingIOError: Somebody else uses the name.
        PublishError: The file system has no locks.
        OSError: `root` is a symlink, or not writable.
    """
    mine = root / (name or uuid.uuid4().hex)
    make_directories(root, root.parent)
    with ExitStack() as stack:
        # The lock on the root keeps sweeps away from a directory that has no lock yet.
        with root_locked(root):
            _sweep(root)
            with suppress(FileExistsError):
                make_directory(mine)
            stack.enter_context(locked(mine, wait=not name))
            if not mine.is_dir():
                raise BlockingIOError(f"{mine} has just been deleted by its last user")
        try:
            yield mine
        finally:
            _clear(mine)


def backup_path(mine: Path, directory: Path) -> Path:
    """Return where in a work directory a sweep finds a directory that is put aside."""
    return mine / _OLD / quote(str(directory.relative_to(mine.parents[1])), safe="")


def restore(root: Path, directory: Path) -> None:
    """Put a directory back if a process has died while replacing it in two steps."""
    pattern = backup_path(root / "*", directory).relative_to(root)
    if any(root.glob(str(pattern))):
        sweep(root)


def sweep(root: Path) -> None:
    """Delete what dead processes left below `root`, as far as possible."""
    with suppress(OSError), root_locked(root):
        _sweep(root)


def left_below(base: Path) -> Iterator[Path]:
    """Find what dead processes left below a storage; what living ones use is locked."""
    for root in roots_below(base):
        for path in _places(root):
            with suppress(OSError, PublishError), locked(path, wait=False):
                yield path


def strangers_below(base: Path) -> Iterator[Path]:
    """Find entries that are not work directories where those are, below a storage."""
    for root in roots_below(base):
        (root / WORK).is_dir()  # Raises an error if the root cannot be entered.
        yield from sorted({*root.iterdir()} - {*_places(root)})


@contextmanager
def root_locked(root: Path) -> Iterator[None]:
    """Hold the lock of a root."""
    with _one_at_a_time, locked(root):
        yield


@contextmanager
def locked(directory: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a directory; it ends with the process at the latest.

    Raises:
        BlockingIOError: Somebody else holds it, and `wait` is false.
        PublishError: The file system has no locks.
    """
    with opened(directory) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
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


def _wait_for_lock(descriptor: int, directory: Path) -> None:
    text = "waiting for the lock on %s, held by another process; if that hangs, kill it"
    timer = threading.Timer(_SECONDS_IN_SILENCE, _log.warning, (text, directory))
    timer.daemon = True
    timer.start()
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        timer.cancel()


def _volume(path: Path) -> object:
    """Identify what renames cannot cross: the device, and on Linux the mount.

    A container volume is often on the same device as the directory it is mounted in.
    """
    with opened(path, follow=True) as descriptor:
        try:
            info = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii")
        except OSError:
            info = ""
        mount = [line for line in info.splitlines() if line.startswith("mnt_id:")]
        return os.fstat(descriptor).st_dev, mount


def _places(root: Path) -> list[Path]:
    with suppress(OSError):
        return [
            path
            for path in root.iterdir()
            if _ID.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
        ]
    return []


def _sweep(root: Path) -> None:
    for left in _places(root):
        # Those in use are locked, and may vanish at any moment.
        with suppress(OSError), locked(left, wait=False):
            _clear(left)


def _clear(left: Path) -> None:
    """Restore directories put aside but not replaced, then delete the rest."""
    for old in (left / _OLD).glob("*"):
        name = Path(unquote(old.name))
        target = left.parents[1] / name
        if not (name.is_absolute() or ".." in name.parts or os.path.lexists(target)):
            old.rename(target)
    shutil.rmtree(left, ignore_errors=True)
