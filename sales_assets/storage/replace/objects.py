"""Replacing directories on an object store, which has no rename.

The new objects are written over the old ones, then those are deleted that the new directory does
not have. In between a mark of the run, in `BASE/.work/DIRECTORY`, says that the directory is
neither old nor new. When runs write the same directory at the same time, at least one of them is
told so, and leaves a new mark, which only an upload that starts after that clears.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sales_assets.storage.replace.errors import PublishError, ReplacedError

if TYPE_CHECKING:
    from upath import UPath

_WORK = ".work"


@contextmanager
def replacing(directory: UPath, base: UPath) -> Iterator[Path]:
    """See `publish.replacing`."""
    with tempfile.TemporaryDirectory(prefix="sales_assets_") as temporary:
        yield Path(temporary)
        _upload(Path(temporary), directory, _marks(directory, base))


def remove(directory: UPath, base: UPath) -> None:
    """See `publish.remove`; a directory is there as long as it has an object."""
    if _listing(directory) or _listing(_marks(directory, base)):
        with replacing(directory, base):
            pass


def leftovers(base: UPath) -> list[str]:
    """See `publish.leftovers`; a mark of a day that is just being written is among them."""
    base.fs.invalidate_cache()
    prefix = base.path.rstrip("/") + "/"
    return sorted(path.removeprefix(prefix) for path in base.fs.find(f"{prefix}{_WORK}"))


@contextmanager
def version(directory: UPath, base: UPath) -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether a directory is still the one it was.

    Raises:
        ReplacedError: It is neither old nor new.
    """

    def whole() -> dict[str, tuple[object, ...]]:
        if _listing(_marks(directory, base)):
            raise ReplacedError(
                f"{directory} is being replaced, or that was cut off: run again, and if this does "
                "not pass, materialize it again"
            )
        return _listing(directory)

    before = whole()
    yield lambda: before == whole()


def _marks(directory: UPath, base: UPath) -> UPath:
    """Where the objects are that say that a directory of an object store is not whole."""
    return base / _WORK / directory.path.removeprefix(base.path).strip("/")


def _upload(new: Path, directory: UPath, marks: UPath) -> None:
    """Write the new objects, then delete what the new day does not have.

    The mark stands as long as the directory is neither the old one nor the new one, and stays when
    the process dies in between: readers heed it, and the next upload clears it.
    """
    before = _listing(marks).keys()
    own = _set_mark(marks)
    names = {path.name for path in new.iterdir()}
    for name in sorted(names):
        directory.fs.put_file(str(new / name), (directory / name).path)
    for path in _listing(directory):
        if path.rpartition("/")[2] not in names:
            _delete(directory, path)
    now = _listing(marks).keys()
    # A run that started later has set a mark, or one that started earlier has cleared ours.
    if own not in now or now - before - {own}:
        _set_mark(marks)
        raise PublishError(f"{directory} was written by two runs at the same time: run again")
    for path in (*before, own):
        _delete(marks, path)


def _set_mark(marks: UPath) -> str:
    mark = marks / uuid.uuid4().hex
    marks.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(b"")
    return str(mark.path)


def _delete(directory: UPath, path: str) -> None:
    with suppress(FileNotFoundError):
        directory.fs.rm_file(path)


def _listing(directory: UPath) -> dict[str, tuple[object, ...]]:
    """What tells one version of the files in a directory from another, by path."""
    directory.fs.invalidate_cache()
    found = directory.fs.find(directory.path, detail=True)
    return {
        path: tuple(info.get(key) for key in ("size", "ETag", "created"))
        for path, info in found.items()
    }
