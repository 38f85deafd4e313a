"""The files of a partition directory: what a format is, and how files are opened and described."""

import errno
import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import IO, Any, ClassVar, Generic, TypeVar, cast

from sales_assets.feed.stream import StreamsByDay, UpstreamDayError
from sales_assets.storage.location import Location

_DROPPINGS = (
    *(".ds_store", ".localized", ".appledouble", ".fseventsd", ".temporaryitems", "._*", ".trash*"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "system volume information", "$recycle.bin"),
    *(".directory", "lost+found", "@eadir", ".snapshot", ".spotlight-*", ".~lock.*"),
    *(".nfs*", ".fuse_hidden*", ".smbdelete*", "*_$folder$", ""),
)

_CHUNK = 1 << 20

T = TypeVar("T")

REPAIR = "materialize this partition again, which replaces the whole directory"


class InvalidPartitionError(UpstreamDayError):
    """The content of a partition directory does not match its format, or would not."""


def is_dropping(name: str) -> bool:
    """Return whether an operating system or a file server creates files of this name.

    They are harmless, and come back when deleted. An object store's console creates an empty
    object for a folder, whose name is empty or ends in `_$folder$`.
    """
    return any(fnmatchcase(name.lower(), pattern) for pattern in _DROPPINGS)


def entries(directory: Location) -> list[Location]:
    """List the entries of a directory, by name."""
    # The empty object that a console creates for the folder itself looks like an entry of the same
    # name (tried: universal_pathlib 0.3 on S3).
    own = set() if isinstance(directory, Path) else {"", directory.name}
    paths: list[Location] = [path for path in directory.iterdir() if path.name not in own]
    return sorted(paths, key=str)


def open_file(path: Location) -> IO[bytes]:
    """Open a file to read it.

    Raises:
        InvalidPartitionError: It is not a regular file: a FIFO would block its reader forever, and
            a symlink could lead anywhere.
    """
    if not isinstance(path, Path):
        return cast(IO[bytes], path.open("rb"))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        # A symlink, or a socket.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EOPNOTSUPP):
            raise _irregular(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _irregular(path)
    return open(descriptor, "rb")  # noqa: PTH123 - a descriptor has no path


def read_file(path: Location) -> bytes:
    """Read a file as `open_file` opens it."""
    if not isinstance(path, Path):
        # Without querying its size first.
        return cast(bytes, path.fs.cat_file(path.path))
    with open_file(path) as file:
        return file.read()


def chunks_of(path: Location) -> Iterator[bytes]:
    """Read a file of any size as `open_file` opens it, in little memory."""
    with open_file(path) as file:
        yield from iter(partial(file.read, _CHUNK), b"")


class Description:
    """Describes the files of a day, from their bytes in content order."""

    def __init__(self) -> None:
        self._content = hashlib.sha256()
        self._sizes: list[int] = []

    def add_file(self, chunks: Iterable[bytes]) -> None:
        """Add the next file."""
        size = 0
        for chunk in chunks:
            self._content.update(chunk)
            size += len(chunk)
        self._sizes.append(size)

    def metadata(self) -> dict[str, Any]:
        """Describe the files that have been added.

        `sha256` is that of the concatenated files, and `sizes_sha256` that of their sizes in bytes,
        one per line, so that no byte can move from one to the next.
        """
        sizes = "".join(f"{size}\n" for size in self._sizes)
        return {
            "files": len(self._sizes),
            "bytes": sum(self._sizes),
            "sha256": self._content.hexdigest(),
            "sizes_sha256": hashlib.sha256(sizes.encode()).hexdigest(),
        }


def describe(files: Iterable[Location]) -> dict[str, Any]:
    """Read and describe all files of a day, in content order."""
    description = Description()
    for path in files:
        description.add_file(chunks_of(path))
    return description.metadata()


class PartitionFormat(ABC, Generic[T]):
    """The files of one partition."""

    streams: ClassVar[type[StreamsByDay[Any]]]
    """The mapping from day to stream that carries this format's items."""

    @abstractmethod
    def write(self, items: Iterable[T], directory: Path, stem: str) -> None:
        """Write a partition into an empty directory, without holding all items in memory.

        The names of its files begin with `stem`, such as `sales_2022-08-09`.
        """

    @abstractmethod
    def files(self, directory: Location, stem: str) -> Sequence[Location]:
        """List the files of a partition in content order, without foreign files.

        Raises:
            InvalidPartitionError: The directory lacks something.
        """

    @abstractmethod
    def read(self, files: Sequence[Location]) -> Iterator[T]:
        """Read what `write` has written, item by item."""

    def read_and_describe(self, files: Sequence[Location]) -> Generator[T, None, dict[str, Any]]:
        """Read like `read`; return the description of the files, as `describe` does."""
        yield from self.read(files)
        return describe(files)

    def rows(self, files: Sequence[Location]) -> Iterator[Any]:
        """Read row by row."""
        return self.read(files)


def _irregular(path: Path) -> InvalidPartitionError:
    return InvalidPartitionError(
        f"{path} is not a regular file (it may be a link, a pipe or a directory): move it away, "
        "and materialize this partition again"
    )
