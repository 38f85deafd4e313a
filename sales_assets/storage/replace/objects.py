"""Replacing directories on an object store, which has no rename.

The new objects overwrite the old ones; then those that the new directory does not have are deleted.
As long as it is neither old nor new, a mark of the run is in `BASE/.work/DIRECTORY`: readers refuse
such a directory, and the next upload clears it. If two runs write a directory at the same time, at
least one of them notices, and leaves a new mark, which only an upload that starts later clears.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from typing_extensions import override

from sales_assets.feed.stream import TornDayError
from sales_assets.http.secrets import shown
from sales_assets.storage.files import is_dropping
from sales_assets.storage.replace.directories import Directories, ReplacedError, Replacement
from sales_assets.storage.replace.work import WORK

if TYPE_CHECKING:
    from upath import UPath


class ObjectDirectories(Directories["UPath"]):
    """Directories on an object store: the objects with a common prefix."""

    @contextmanager
    @override
    def replacing(self, *directories: UPath) -> Iterator[Replacement]:
        with TemporaryDirectory(prefix="sales_assets-", ignore_cleanup_errors=True) as place:
            new = [Path(place, str(number)) for number in range(len(directories))]
            for path in new:
                path.mkdir()
            yield Replacement(new, partial(self._put_in_place, new, directories))

    @override
    def state(self, directory: UPath) -> object:
        return _versions(_objects_below(directory)) or None

    @override
    def leftovers(self) -> list[str]:
        # This includes the mark of a day that is being written.
        prefix = self.base.path.strip("/") + "/"
        found = _objects_below(self.base / WORK)
        return sorted(path.strip("/").removeprefix(prefix) for path in found)

    @override
    def strangers(self) -> list[str]:
        return []  # A mark can have any name.

    @override
    def sweep(self) -> None:
        """Delete nothing: without its mark, readers would use a day that is neither old nor new."""

    @contextmanager
    @override
    def _version(self, directory: UPath) -> Iterator[tuple[object, Callable[[], bool]]]:
        found = _objects_below(directory)
        state = _versions(found)

        def is_current() -> bool:
            # Marks first: a run that has cleared its mark has written everything listed later.
            if self._marks(directory):
                raise ReplacedError(
                    f"{directory} is being replaced, or its replacement was interrupted: run "
                    "again; if the error persists, materialize it again"
                )
            return _versions(_objects_below(directory)) == state

        own = directory.path.strip("/")
        if all(path.rpartition("/")[0] == own for path in found):
            # Readers then get existence and size without further requests.
            directory.fs.dircache[own] = [*found.values()]
        try:
            yield state or None, is_current
        finally:
            directory.fs.invalidate_cache(own)

    def _put_in_place(
        self, new: Sequence[Path], directories: Sequence[UPath], check: Callable[[], None]
    ) -> object:
        check()
        pairs = [*zip(new, directories, strict=True)]
        filled = [pair for pair in pairs if any(pair[0].iterdir())]
        emptied = [
            pair
            for pair in pairs
            if pair not in filled and (self.state(pair[1]) or self._marks(pair[1]))
        ]
        states = {pair[1].path: self._upload(*pair) for pair in (*filled, *emptied)}
        return states.get(directories[-1].path)

    def _place_of_marks(self, directory: UPath) -> UPath:
        return self.base.joinpath(WORK, directory.path.removeprefix(self.base.path).strip("/"))

    def _marks(self, directory: UPath) -> set[str]:
        return set(_objects_below(self._place_of_marks(directory)))

    def _set_mark(self, directory: UPath) -> str:
        mark = self._place_of_marks(directory) / uuid.uuid4().hex
        mark.fs.pipe_file(mark.path, b"")
        return str(mark.path)

    def _upload(self, new: Path, directory: UPath) -> object:
        """Write the new objects, delete the other old ones, and return the new `state`."""
        before = self._marks(directory)
        own = self._set_mark(directory)
        names = {path.name for path in new.iterdir()}
        try:
            for name in sorted(names):
                directory.fs.put_file(str(new / name), (directory / name).path)
            found = _versions(_objects_below(directory))
            if surplus := found.keys() - names:
                for name in sorted(surplus):
                    self._delete((directory / name).path)
                found = _versions(_objects_below(directory))
        except Exception as error:
            # A storage client may raise any error.
            raise TornDayError(
                f"{directory} may contain files of both the old and the new day, since its upload "
                f"failed ({shown(repr(error), 300)}): materialize it again; until then, reading it "
                "fails"
            ) from error
        marks = self._marks(directory)
        # A later run has set a mark, or an earlier one has cleared ours.
        if own not in marks or marks - before - {own}:
            self._set_mark(directory)
            raise TornDayError(f"{directory} was written by two runs at the same time: run again")
        for path in (*before, own):
            self._delete(path)
        return found or None

    def _delete(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.base.fs.rm_file(path)


def _versions(found: Mapping[str, Mapping[str, object]]) -> dict[str, tuple[object, ...]]:
    """Identify the versions of the files in a directory, by name."""
    return {
        path.rpartition("/")[2]: tuple(info.get(key) for key in ("size", "ETag", "created"))
        for path, info in found.items()
    }


def _objects_below(directory: UPath) -> dict[str, dict[str, object]]:
    """List the objects in a directory, but no droppings, in one request, as they are now.

    `find` on the directory itself makes two more requests to check whether one without objects is a
    file. The empty object that a console creates for a folder is left out.
    """
    own = directory.path.strip("/")
    directory.fs.invalidate_cache(own)
    bucket, _, key = own.partition("/")
    found = directory.fs.find(bucket, prefix=f"{key}/", detail=True)
    return {
        path: info
        for path, info in found.items()
        # A file system without prefix support returns everything.
        if path.strip("/").startswith(f"{own}/") and not is_dropping(path.rpartition("/")[2])
    }
