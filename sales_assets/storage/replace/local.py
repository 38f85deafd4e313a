"""Replacing directories on a local file system, in one step.

The new directory is written in a work directory (`work`), made durable and swapped with the old one
by one system call, or by two renames where that is not supported; the next reader or writer repairs
the result of a crash between those. After the swap the new directory is stored: an error while the
old one is deleted fails nothing, and the next run tries again.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from sales_assets.storage.replace import work
from sales_assets.storage.replace.directories import Directories, Replacement
from sales_assets.storage.replace.errors import PublishError, ReplacedError, explained
from sales_assets.storage.replace.finish import make_alike, make_directory, make_durable, sync

_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class LocalDirectories(Directories[Path]):
    """Directories on a local file system."""

    def __init__(self, base: Path) -> None:
        """Work below `base`, which need not exist yet."""
        super().__init__(base)
        self._roots: dict[Path, Path] = {}

    @contextmanager
    @override
    def replacing(self, *directories: Path) -> Iterator[Replacement]:
        with ExitStack() as stack:
            places: dict[Path, Path] = {}
            new: list[Path] = []
            try:
                for directory in directories:
                    self._refuse_strangers(directory)
                for number, directory in enumerate(directories):
                    root = self._root_for(directory)
                    if root not in places:
                        places[root] = stack.enter_context(work.place(root))
                    new.append(places[root] / f"new{number}")
                    make_directory(new[-1])
            except OSError as error:
                raise PublishError(explained(error, self.base)) from error

            def publish(check: Callable[[], None] = lambda: None) -> Sequence[object]:
                return self._put_in_place(new, directories, check)

            yield Replacement(new, publish)

    def exists(self, directory: Path) -> bool:
        """See `Directories.exists`; a day lost between two renames is restored first."""
        if not os.path.lexists(directory):
            root = self._root_for(directory)
            if work.has_backup(root, directory):
                work.sweep(root)
        return os.path.lexists(directory)

    def state(self, directory: Path) -> object:
        """See `Directories.state`; a day lost between two renames is restored first."""
        with suppress(FileNotFoundError, NotADirectoryError):
            if self.exists(directory):
                info = directory.stat()
                # Inodes are soon reused.
                return info.st_dev, info.st_ino, info.st_mtime_ns
        return None

    def leftovers(self) -> list[str]:
        """See `Directories.leftovers`; the work of live processes is locked, and not included."""
        return [
            str(left.relative_to(self.base))
            for root in work.roots_below(self.base)
            for left in work.left_in(root)
        ]

    @override
    def strangers(self) -> list[str]:
        return [
            str(path.relative_to(self.base))
            for root in work.roots_below(self.base)
            for path in work.strangers_in(root)
        ]

    @override
    def sweep(self) -> None:
        for root in work.roots_below(self.base):
            work.sweep(root)

    @contextmanager
    def _version(self, directory: Path) -> Iterator[tuple[object, Callable[[], bool]]]:
        self._refuse_strangers(directory)
        if not self.exists(directory):
            yield None, lambda: not os.path.lexists(directory)
            return
        with ExitStack() as stack:
            try:
                # While it is open, no other directory can get its inode.
                descriptor = stack.enter_context(work.opened(directory))
            except FileNotFoundError as error:
                raise ReplacedError(f"{directory} no longer exists: run again") from error

            def is_same() -> bool:
                with suppress(FileNotFoundError):
                    return os.path.samestat(os.fstat(descriptor), directory.stat())
                return False

            yield self.state(directory), is_same

    def _root_for(self, directory: Path) -> Path:
        """Choose where to work; checking the volumes takes a dozen system calls."""
        if directory.parent not in self._roots:
            self._roots[directory.parent] = work.root_for(self.base, directory)
        return self._roots[directory.parent]

    def _refuse_strangers(self, target: Path) -> None:
        """Reject a target that is not a directory of ours.

        Raises:
            PublishError: It is a file or a symlink, or leads out of the storage.
        """
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
    ) -> Sequence[object]:
        filled: list[tuple[Path, Path]] = []
        emptied: list[tuple[Path, Path]] = []
        for path, target in zip(new, directories, strict=True):
            (filled if any(path.iterdir()) else emptied).append((path, target))
        try:
            for path, target in filled:
                self._make_parents(target)
                make_alike(path, target if target.exists() else target.parent)
                make_durable(path)
            with ExitStack() as locks:
                for root in sorted({path.parents[1] for path in new}):
                    locks.enter_context(work.locked(root))
                check()
                for path, target in filled:
                    self._exchange(path, target)
                for path, target in emptied:
                    try:
                        self._remove(target, path)
                    except OSError:
                        if not filled:
                            raise
                # A missing one would be looked up in work directories, which would wait for our
                # lock.
                new_ones = {target for _, target in filled}
                return [
                    self.state(target) if target in new_ones else None for target in directories
                ]
        except OSError as error:
            raise PublishError(explained(error, self.base)) from error

    def _exchange(self, new: Path, target: Path) -> None:
        """Swap `new` and `target`."""
        with self._held(target.parent) as parent:
            if not target.exists():
                os.rename(new, target.name, dst_dir_fd=parent)
            elif not _rename_exchange(new, parent, target.name):
                _move_in_two_steps(new, parent, target)
        with suppress(OSError):
            # The swap is done; a failure to make it durable does not undo it.
            sync(target.parent)

    def _remove(self, target: Path, empty: Path) -> None:
        """Move `target`, if it exists, to where `empty` is, to be deleted."""
        if os.path.lexists(target):
            with self._held(target.parent) as parent:
                os.rename(target.name, empty, src_dir_fd=parent)
            sync(target.parent)

    @contextmanager
    def _held(self, directory: Path) -> Iterator[int]:
        """Open a directory step by step from the root, without following symlinks.

        Operations in it then apply to this directory, even if its path changes.
        """
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

    def _make_parents(self, target: Path) -> None:
        missing = [path for path in target.parents if not path.exists()]
        for path in reversed(missing):
            # Another process may be creating it, too.
            with suppress(FileExistsError):
                make_directory(path)
            sync(path.parent)


def _rename_exchange(new: Path, parent: int, name: str) -> bool:
    """Swap two directories in one step; False if the OS or the file system cannot."""
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        return False
    with work.opened(new.parent) as here:
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
        make_directory(old.parent)
    os.rename(target.name, old, src_dir_fd=parent)
    os.rename(new, target.name, dst_dir_fd=parent)
    with suppress(OSError):
        # From here on, it is to be deleted instead of restored.
        old.rename(new)
