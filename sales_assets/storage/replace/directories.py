"""What a storage can do with its directories, on any backend."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import dagster as dg

from sales_assets.storage.location import Location

L = TypeVar("L", bound=Location)


class PublishError(dg.Failure):
    """A directory cannot be published to its place, or read from there."""


class ReplacedError(dg.Failure):
    """A directory was replaced while it was read."""


class Replacement(NamedTuple):
    """New directories, empty and local, and what puts them in place once they are written.

    `publish` returns the `state` of the last one. Right before (on a local disk with replacements
    locked) it calls its argument; if that raises, nothing is replaced. It raises `TornDayError` if
    an upload to an object store failed, or two runs wrote a directory there at the same time.
    """

    new: Sequence[Path]
    publish: Callable[[Callable[[], None]], object]


class Directories(ABC, Generic[L]):
    """The directories below the root of a storage, which need not exist yet."""

    def __init__(self, base: L) -> None:
        self.base = base

    @abstractmethod
    def replacing(self, *directories: L) -> AbstractContextManager[Replacement]:
        """Yield an empty local directory for each of these, to be filled and published.

        Those with files are put in place in the given order; then those left empty are removed (a
        failed removal does not fail the others, which are in place). If the body raises, or ends
        without publishing, or the process dies, they stay unchanged; on an object store, one that
        dies while it uploads leaves a directory that readers refuse until it is replaced again.

        Raises:
            PublishError: One is not a directory or not below the root, or that is not writable.
        """

    @abstractmethod
    def state(self, directory: L) -> object:
        """Return an identifier of the version of a directory; None if it does not exist."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """List what dead processes have left in work directories."""

    @abstractmethod
    def strangers(self) -> list[str]:
        """List foreign entries of work directories; they are never touched."""

    @abstractmethod
    def sweep(self) -> None:
        """Delete `leftovers`, as far as no data is lost."""

    @abstractmethod
    def _version(self, directory: L) -> AbstractContextManager[tuple[object, Callable[[], bool]]]:
        """Yield the state of a directory, and a function that returns whether it is current."""

    @contextmanager
    def reading(self, directory: L) -> Iterator[object]:
        """Make sure that the body reads a single version of `directory`, and yield its `state`.

        Raises:
            ReplacedError: It was replaced in the meantime, or is being replaced, whether or not the
                body failed.
            PublishError: It is not a directory, or not below the root.
        """
        message = f"{directory} was replaced while it was being read: run again"
        with self._version(directory) as (state, is_current):
            try:
                yield state
            except Exception as error:
                if is_current():
                    raise
                raise ReplacedError(message) from error
            if not is_current():
                raise ReplacedError(message)
