"""Replacing directories on a local file system, in one step.

The new directory is written aside (`work`), made durable and exchanged for the old one by one
system call, or by two renames where there is none; what a death between those leaves is mended by
the next reader or writer. Once the exchange is made the new directory is stored: what goes wrong
while the old one is cleared away fails nothing, and is tried again by the next run.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote

from sales_assets.storage.replace import work
from sales_assets.storage.replace.directories import Directories
from sales_assets.storage.replace.errors import PublishError

_NEW = "new"
_OLD = "old"

_RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class LocalDirectories(Directories[Path]):
    """Directories on a local file system."""

    @contextmanager
    def replacing(self, *directories: Path) -> Iterator[Sequence[Path]]:
        """See `Directories.replacing`."""
        for directory in directories:
            self._refuse_strangers(directory)
        with ExitStack() as stack:
            places: dict[Path, Path] = {}
            for directory in directories:
                root = self._work_root(directory)
                if root not in places:
                    try:
                        places[root] = stack.enter_context(work.place(root, self._restore))
                    except OSError as error:
                        raise PublishError(
                            f"BASE_DIR {self.base} cannot be written to: {error}"
                        ) from error
            new = []
            for number, directory in enumerate(directories):
                place = places[self._work_root(directory)] / f"{_NEW}{number}"
                place.mkdir()
                new.append(place)
            yield new
            self._put_in_place(new, directories, stack)

    def exists(self, directory: Path) -> bool:
        """See `Directories.exists`; a day that was lost between two renames is put back first."""
        if not directory.exists():
            lost = Path(_OLD, self._name(directory))
            root = self._work_root(directory)
            if work.has_left(root, lost):
                work.sweep(root, self._restore)
        return os.path.lexists(directory)

    def state(self, directory: Path) -> object:
        """See `Directories.state`."""
        with suppress(FileNotFoundError):
            info = directory.stat()
            # An inode is soon used again.
            return info.st_dev, info.st_ino, info.st_mtime_ns
        return None

    def leftovers(self) -> list[str]:
        """See `Directories.leftovers`; what a living process works on is locked, and is not one."""
        return [
            str(left.relative_to(self.base))
            for root in self._work_roots()
            for left in work.left_in(root)
        ]

    def strangers(self) -> list[str]:
        """See `Directories.strangers`."""
        return [
            str(path.relative_to(self.base))
            for root in self._work_roots()
            for path in work.strangers_in(root)
        ]

    def sweep(self) -> None:
        """See `Directories.sweep`."""
        for root in self._work_roots():
            work.sweep(root, self._restore)

    @contextmanager
    def _version(self, directory: Path) -> Iterator[Callable[[], bool]]:
        self._refuse_strangers(directory)
        # While it is open, no other directory can get its inode.
        with work.opened(directory) as descriptor:

            def is_same() -> bool:
                with suppress(FileNotFoundError):
                    return os.path.samestat(os.fstat(descriptor), directory.stat())
                return False

            yield is_same

    def _refuse_strangers(self, target: Path) -> None:
        """Refuse a place that is not a directory of ours.

        Raises:
            PublishError: It is a file or a symlink, or leads out of the storage.
        """
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise PublishError(f"{target} is not a directory: move it away, and run again")
        if ".." in target.parts or not target.resolve().is_relative_to(self.base.resolve()):
            raise PublishError(
                f"{target} leads out of BASE_DIR {self.base}: remove the link or the `..`"
            )

    def _name(self, directory: Path) -> str:
        """Name a directory in one word, so that it can be put back."""
        return quote(str(directory.relative_to(self.base)), safe="")

    def _restore(self, left: Path) -> None:
        """Give back a day that a process was about to replace when it died."""
        for old in (left / _OLD).iterdir() if (left / _OLD).is_dir() else ():
            target = self.base / unquote(old.name)
            if not target.exists():
                old.rename(target)

    def _work_root(self, directory: Path) -> Path:
        """Choose where to work: below the root, or beside a volume that is mounted below it."""
        root = path = self.base
        with suppress(FileNotFoundError, NotADirectoryError):
            device = path.stat().st_dev
            for name in directory.relative_to(self.base).parts[:-1]:
                path = path / name
                if path.stat().st_dev != device:
                    root, device = path, path.stat().st_dev
        return root / work.WORK

    def _work_roots(self) -> list[Path]:
        """List all places where work may have been left."""
        roots = [self.base / work.WORK]
        for pattern in ("*", "*/*"):
            roots += [path / work.WORK for path in sorted(self.base.glob(pattern))]
        return [root for root in roots if root.is_dir()]

    def _put_in_place(
        self, new: Sequence[Path], directories: Sequence[Path], stack: ExitStack
    ) -> None:
        filled = [any(path.iterdir()) for path in new]
        for path, target, has_files in zip(new, directories, filled, strict=True):
            if has_files:
                self._make_parents(target)
                _make_alike(path, target if target.exists() else target.parent)
                _make_durable(path)
        try:
            for root in sorted({path.parents[1] for path in new}):
                stack.enter_context(work.locked(root))
            for path, target, has_files in zip(new, directories, filled, strict=True):
                if has_files:
                    self._exchange(path, target)
            for path, target, has_files in zip(new, directories, filled, strict=True):
                if not has_files and os.path.lexists(target):
                    with self._held(target.parent) as parent:
                        # Takes the place of the empty directory, and is cleared away with it.
                        os.rename(target.name, path, src_dir_fd=parent)
                    _sync(target.parent)
        except OSError as error:
            raise PublishError(_explained(error, self.base)) from error

    def _exchange(self, new: Path, target: Path) -> None:
        """Put `new` at `target`, and what was there where `new` was."""
        with self._held(target.parent) as parent:
            if not target.exists():
                os.rename(new, target.name, dst_dir_fd=parent)
            elif not _rename_exchange(new, parent, target.name):
                old = new.parent / _OLD / self._name(target)
                old.parent.mkdir(exist_ok=True)
                _move_in_two_steps(new, parent, target.name, old)
        with suppress(OSError):
            # The exchange is made; that it could not be made durable does not take it back.
            _sync(target.parent)

    @contextmanager
    def _held(self, directory: Path) -> Iterator[int]:
        """Open a directory step by step from the root, along no symlink.

        What is then done in it is done there, whatever its path leads to by then.
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
            path.mkdir(exist_ok=True)
            if path != self.base and path.is_relative_to(self.base):
                _copy_mode(path, path.parent, ~0)
            _sync(path.parent)


def _rename_exchange(new: Path, parent: int, name: str) -> bool:
    """Swap two directories in one step; False where the system or the file system cannot."""
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


def _move_in_two_steps(new: Path, parent: int, name: str, old: Path) -> None:
    """Replace where nothing can be swapped; a death in between is mended by the next sweep."""
    os.rename(name, old, src_dir_fd=parent)
    os.rename(new, name, dst_dir_fd=parent)


def _explained(error: OSError, base: Path) -> str:
    if error.errno == errno.EXDEV:
        return (
            f"{base} cannot be replaced in one step, since parts of it lie on another file system "
            "or in a lower layer of an overlay (a directory of an image): put all of BASE_DIR on "
            f"one volume ({error})"
        )
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return f"a directory below {base} became a link or a file meanwhile: nothing was replaced"
    return f"BASE_DIR {base} cannot be written to: {error}"


def _make_alike(new: Path, model: Path) -> None:
    """Give a new directory, and what is in it, the group and the mode of its model.

    So what an operator has set survives, and users of one group do not lock each other out.
    """
    _copy_mode(new, model, ~0)
    for path in new.iterdir():
        _copy_mode(path, model, 0o666)


def _copy_mode(path: Path, model: Path, mask: int) -> None:
    is_now, should_be = path.stat(), model.stat()
    # Nobody is made to let everybody write.
    mode = stat.S_IMODE(should_be.st_mode) & ~(stat.S_IWOTH | stat.S_ISVTX) & mask
    with suppress(PermissionError):
        if is_now.st_gid != should_be.st_gid:
            os.chown(path, -1, should_be.st_gid)
    if stat.S_IMODE(is_now.st_mode) != mode:
        path.chmod(mode)


def _make_durable(directory: Path) -> None:
    for path in directory.iterdir():
        _sync(path)
    _sync(directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot do that for a directory, and need not.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)
