"""Replacing directories on a local file system, in one step.

The new directory is written in a work directory (`work`), made durable and swapped with the old one
by one system call, or by two renames where that is not supported; the next reader or writer repairs
the result of a crash between those. After the swap it is stored, even if the old one stays.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from typing_extensions import override

from sales_assets.storage.replace import disk, work
from sales_assets.storage.replace.directories import Directories, PublishError, Replacement

_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)

_LINK = "a link or a file is where a directory should be: move it away, and run again"
_REASONS = {
    errno.ELOOP: _LINK,
    errno.ENOTDIR: _LINK,
    errno.EBUSY: "a day is a separate volume, which cannot be replaced: unmount it, or mount its "
    "parent instead",
    errno.EXDEV: "parts of it are on another file system or in a lower layer of an overlay (a "
    "directory of an image): put all of BASE_DIR on one volume",
}


class LocalDirectories(Directories[Path]):
    """Directories on a local file system."""

    @contextmanager
    @override
    def replacing(self, *directories: Path) -> Iterator[Replacement]:
        with ExitStack() as stack:
            places: dict[Path, Path] = {}
            new: list[Path] = []
            with self._explaining():
                for number, directory in enumerate(directories):
                    self._require_ours(directory)
                    root = work.root_for(self.base, directory.parent)
                    if root not in places:
                        places[root] = stack.enter_context(work.place(root))
                    new.append(places[root] / f"new{number}")
                    disk.make_directory(new[-1])
            yield Replacement(new, partial(self._put_in_place, new, directories))

    @override
    def state(self, directory: Path) -> object:
        if not os.path.lexists(directory):
            work.restore(work.root_for(self.base, directory.parent), directory)
        return _identity(directory)

    @override
    def leftovers(self) -> list[str]:
        return [str(path.relative_to(self.base)) for path in work.left_below(self.base)]

    @override
    def strangers(self) -> list[str]:
        return [str(path.relative_to(self.base)) for path in work.strangers_below(self.base)]

    @override
    def sweep(self) -> None:
        for root in work.roots_below(self.base):
            work.sweep(root)

    @contextmanager
    @override
    def _version(self, directory: Path) -> Iterator[tuple[object, Callable[[], bool]]]:
        self._require_ours(directory)
        state = self.state(directory)
        yield state, lambda: _identity(directory) == state

    def _require_ours(self, target: Path) -> None:
        """Refuse a file, a symlink, and what leads out of the storage."""
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise PublishError(f"{target} is not a directory: move it away, and run again")
        # Path.resolve raises an error of its own for a symlink to itself.
        real = Path(os.path.realpath(target))
        if ".." in target.parts or not real.is_relative_to(os.path.realpath(self.base)):
            raise PublishError(
                f"{target} points outside BASE_DIR {self.base}: remove the link or the `..`"
            )

    def _put_in_place(
        self, new: Sequence[Path], directories: Sequence[Path], check: Callable[[], None]
    ) -> object:
        pairs = [*zip(new, directories, strict=True)]
        filled = [pair for pair in pairs if any(pair[0].iterdir())]
        emptied = [pair for pair in pairs if pair not in filled]
        with self._explaining():
            for path, target in filled:
                disk.make_directories(target.parent, self.base)
                disk.finish(path, target if target.exists() else target.parent)
            with ExitStack() as locks:
                for root in sorted({path.parents[1] for path in new}):
                    locks.enter_context(work.root_locked(root))
                check()
                for path, target in filled:
                    self._exchange(path, target)
                for path, target in emptied:
                    try:
                        self._remove(target, path)
                    except OSError:
                        if not filled:
                            raise
                return _identity(directories[-1])

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = _REASONS.get(error.errno or 0)
            shown = f"{reason} ({error})" if reason else str(error)
            message = f"BASE_DIR {self.base} cannot be written to: {shown}"
            raise PublishError(message) from error

    def _exchange(self, new: Path, target: Path) -> None:
        with self._held(target.parent) as parent:
            if not target.exists():
                os.rename(new, target.name, dst_dir_fd=parent)
            elif not _rename_exchange(new, parent, target.name):
                _move_in_two_steps(new, parent, target)
        with suppress(OSError):
            # The swap is done; a failure to make it durable does not undo it.
            disk.sync(target.parent)

    def _remove(self, target: Path, empty: Path) -> None:
        """Move `target`, if it exists, to where `empty` is, to be deleted."""
        if os.path.lexists(target):
            with self._held(target.parent) as parent:
                os.rename(target.name, empty, src_dir_fd=parent)
            disk.sync(target.parent)

    @contextmanager
    def _held(self, directory: Path) -> Iterator[int]:
        """Open a directory, without following a symlink on the way to it from the root."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(self.base, flags)
        try:
            for name in directory.relative_to(self.base).parts:
                inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)


def _identity(directory: Path) -> object:
    """Identify what is at a path now; None if nothing can be found there."""
    with suppress(OSError):
        info = directory.lstat()
        # Inodes alone are soon reused.
        return info.st_dev, info.st_ino, info.st_mtime_ns
    return None


def _rename_exchange(new: Path, parent: int, name: str) -> bool:
    """Swap two directories in one step; False if the OS or the file system cannot."""
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        return False
    with disk.opened(new.parent) as here:
        done = renameat2(here, os.fsencode(new.name), parent, os.fsencode(name), _RENAME_EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
        return False
    raise OSError(code, os.strerror(code), name)


def _move_in_two_steps(new: Path, parent: int, target: Path) -> None:
    """Replace without a swap; a sweep repairs the result of a crash in between."""
    old = work.backup_path(new.parent, target)
    if not old.parent.exists():
        disk.make_directory(old.parent)
    os.rename(target.name, old, src_dir_fd=parent)
    os.rename(new, target.name, dst_dir_fd=parent)
    with suppress(OSError):
        # From here on, it is to be deleted instead of restored.
        old.rename(new)
