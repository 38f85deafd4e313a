"""Replacing directories on a local file system, in one step.

The new directory is written aside, made durable and exchanged for the old one by one system call,
or by two renames where there is none; what a death between those leaves is mended later. Work in
progress lies in `BASE/.work/ID/`, locked (flock) by the process that writes it; what a killed
process left there is swept up by the next one that publishes.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sales_assets.storage.replace.errors import PublishError

WORK = ".work"
_NEW = "new"
_OLD = "old"
_REMOVED = "removed"

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)

_living: set[str] = set()
"""Work directories of this process, which a sweep need not try the lock of."""


@contextmanager
def replacing(directory: Path, base: Path) -> Iterator[Path]:
    """See `publish.replacing`."""
    _refuse_strangers(directory, base)
    with _work_directory(base) as work:
        new = work / _NEW
        new.mkdir()
        yield new
        _make_durable(new)
        _exchange(new, base, directory.relative_to(base), work)


def remove(directory: Path, base: Path) -> None:
    """See `publish.remove`; in one step, too."""
    _refuse_strangers(directory, base)
    if directory.exists():
        with _work_directory(base) as work:
            directory.rename(work / _REMOVED)
            _sync(directory.parent)


def leftovers(base: Path) -> list[str]:
    """See `publish.leftovers`; what a living process works on is locked, and none."""
    left = []
    for path in (base / WORK).iterdir() if (base / WORK).is_dir() else ():
        with suppress(FileNotFoundError, BlockingIOError), _opened(path) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.append(f"{WORK}/{path.name}")
    return sorted(left)


def sweep(base: Path) -> None:
    """See `publish.sweep`."""
    if leftovers(base):
        with _work_directory(base):
            pass


@contextmanager
def version(directory: Path, base: Path) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether a directory is still the one it was."""
    _refuse_strangers(directory, base)
    # While it is open, no other directory can get its inode.
    with _opened(directory) as descriptor:
        yield lambda: _is_at(directory, descriptor)


def _is_at(directory: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), directory.stat())
    return False


@contextmanager
def _work_directory(base: Path) -> Iterator[Path]:
    root = base / WORK
    if root.is_symlink():
        raise PublishError(f"{root} is a symlink: remove it, and run again")
    work = root / uuid.uuid4().hex
    with ExitStack() as stack:
        try:
            root.mkdir(parents=True, exist_ok=True)
            # The lock on the root keeps a sweeper away from a directory that has no lock yet.
            with _locked(root):
                _sweep(root, base)
                _living.add(work.name)
                stack.callback(_living.discard, work.name)
                work.mkdir()
                stack.enter_context(_locked(work))
        except OSError as error:
            raise PublishError(f"BASE_DIR {base} cannot be written to: {error}") from error
        try:
            yield work
        finally:
            shutil.rmtree(work)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a directory, waiting for it; it is gone with the process at the latest."""
    with _opened(directory) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sweep(root: Path, base: Path) -> None:
    """Clear away what dead processes left, and give back a day that one was about to replace."""
    for left in root.iterdir():
        if left.name in _living:
            continue
        # A directory may go at any moment, when its living owner has finished with it.
        with suppress(FileNotFoundError, BlockingIOError), _opened(left) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _restore(left, base)
            shutil.rmtree(left)


def _exchange(new: Path, base: Path, name: Path, work: Path) -> None:
    """Put `new` at `base / name`, and whatever was there into `work`."""
    target = base / name
    _make_parents(target, base)
    with _locked(base / WORK):
        if not target.exists():
            new.rename(target)
        elif not _rename_exchange(new, target):
            _move_in_two_steps(new, target, work / _OLD / name)
    _sync(target.parent)


def _rename_exchange(new: Path, target: Path) -> bool:
    """Swap two directories in one step; False where the system or the file system cannot."""
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, bytes(new), _AT_FDCWD, bytes(target), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), str(new), None, str(target))


def _move_in_two_steps(new: Path, target: Path, old: Path) -> None:
    """Replace where nothing can be swapped; a death in between is mended by the next sweep."""
    old.parent.mkdir(parents=True)
    target.rename(old)
    new.rename(target)


def _restore(left: Path, base: Path) -> None:
    for old in (left / _OLD).glob("*/*/*"):
        target = base / old.relative_to(left / _OLD)
        if not target.exists():
            old.rename(target)


def _refuse_strangers(target: Path, base: Path) -> None:
    """Refuse a place that is no directory of ours.

    Raises:
        PublishError: It is a file or a symlink, or leads out of the storage.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise PublishError(f"{target} is no directory: move it away, and run again")
    if ".." in target.parts or not target.resolve().is_relative_to(base.resolve()):
        raise PublishError(f"{target} leads out of BASE_DIR {base}: remove the link or the `..`")


def _make_parents(target: Path, base: Path) -> None:
    missing = [path for path in target.parents if path.is_relative_to(base) and not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        _sync(path.parent)


def _make_durable(directory: Path) -> None:
    for path in directory.iterdir():
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    with _opened(path) as descriptor:
        os.fsync(descriptor)
