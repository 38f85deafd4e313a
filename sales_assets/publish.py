"""A finished directory takes the place of an old one: whole, or not at all.

On a local file system the new directory is written aside, made durable and exchanged for the old
one in one system call. Elsewhere (object stores, which have no rename) the new files are written
over the old ones and what is left of the old day is deleted. What is in a directory does not
matter here.

Work in progress lies in `BASE/.work/ID/`, locked (flock) by the process that writes it; what a
killed process left there is swept up by the next one that publishes.
"""

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import dagster as dg
from upath import UPath

WORK = ".work"
_NEW = "new"
_OLD = "old"

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class PublishError(dg.Failure):
    """A directory cannot be published where it should be, or not be read from there."""


class ReplacedError(dg.Failure):
    """A directory was replaced while it was read."""


@contextmanager
def replacing(directory: UPath, base: UPath) -> Iterator[Path]:
    """Give an empty local directory to fill, which then replaces `directory`.

    When the body raises, or the process dies, `directory` stays as it was.

    Args:
        directory: What is to be replaced, or made; below `base`.
        base: Root of the storage. On a local path, work in progress goes to `.work` in it.

    Yields:
        The directory to fill with files.

    Raises:
        PublishError: `directory` is no directory or does not lie below `base`, or `base` cannot be
            written to.
    """
    if isinstance(base, Path):
        _refuse_strangers(Path(directory), base)
        with _work_directory(base) as work:
            new = work / _NEW
            new.mkdir()
            yield new
            _make_durable(new)
            _exchange(new, base, Path(directory).relative_to(base), work)
    else:
        with tempfile.TemporaryDirectory(prefix="sales_assets_") as temporary:
            yield Path(temporary)
            _upload(Path(temporary), directory, _mark(directory, base))


@contextmanager
def reading(directory: UPath, base: UPath) -> Iterator[None]:
    """Make sure that what the body reads in `directory` is one and the same version of it.

    Raises:
        ReplacedError: It was replaced meanwhile, or is just being replaced.
        PublishError: `directory` is no directory, or does not lie below `base`.
    """
    if isinstance(base, Path):
        _refuse_strangers(Path(directory), base)
    try:
        with _version(directory, base) as version:
            yield
            same = version()
    except FileNotFoundError as error:
        raise ReplacedError(_replaced(directory)) from error
    if not same:
        raise ReplacedError(_replaced(directory))


def _replaced(directory: UPath) -> str:
    return f"{directory} was replaced while it was read: run again"


@contextmanager
def _version(directory: UPath, base: UPath) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether the directory is still the one it was."""
    if isinstance(directory, Path):
        # While it is open, no other directory can get its inode.
        with _opened(directory) as descriptor:
            yield lambda: os.path.samestat(os.fstat(descriptor), directory.stat())
    else:
        before = _listing(directory, base)
        yield lambda: before == _listing(directory, base)


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


def _mark(directory: UPath, base: UPath) -> UPath:
    """The object that says that a directory of an object store is not whole."""
    return base / WORK / directory.path.removeprefix(base.path).strip("/")


def _upload(new: Path, directory: UPath, mark: UPath) -> None:
    """Write the new objects, then delete what the new day does not have.

    The mark stands as long as the directory is neither the old one nor the new one, and stays when
    the process dies in between: readers heed it, and the next upload clears it.
    """
    token = uuid.uuid4().hex.encode()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(token)
    names = {path.name for path in new.iterdir()}
    for name in sorted(names):
        directory.fs.put_file(str(new / name), (directory / name).path)
    for name in _listing(directory, None):
        if name not in names:
            directory.fs.rm_file((directory / name).path)
    if not mark.exists() or mark.read_bytes() != token:
        mark.write_bytes(token)
        raise PublishError(f"{directory} was written by two runs at the same time: run again")
    mark.fs.rm_file(mark.path)


def _listing(directory: UPath, base: UPath | None) -> dict[str, tuple[object, ...]]:
    """What tells one version of the files in a directory of an object store from another.

    Raises:
        ReplacedError: The directory is marked; not with `base` None, which asks for no mark.
    """
    directory.fs.invalidate_cache()
    if base is not None and _mark(directory, base).exists():
        raise ReplacedError(
            f"{directory} is being replaced, or that was cut off: run again, and if this does not "
            "pass, materialize it again"
        )
    found = directory.fs.find(directory.path, detail=True)
    return {
        path.rpartition("/")[2]: tuple(info.get(key) for key in ("size", "ETag", "created"))
        for path, info in found.items()
    }
