"""What a storage can do with its directories, on any backend."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

from sales_assets.storage.location import Location
from sales_assets.storage.replace.errors import ReplacedError

L = TypeVar("L", bound=Location)


class Publish(Protocol):
    """Puts new directories in their places."""

    def __call__(self, check: Callable[[], None] = ...) -> Sequence[object]:
        """Put them in place, and return the `state` of each.

        Args:
            check: Called right before that, on a local disk with replacements locked; if it
                raises, nothing is replaced.

        Raises:
            PublishError: The root is not writable.
            TornDayError: On an object store, an upload failed, or two runs wrote a directory at the
                same time.
        """


class Replacement(NamedTuple):
    """New directories, which are not in place yet.

    Attributes:
        new: Empty local directories to write to, one for each to replace.
        publish: Puts them in place.
    """

    new: Sequence[Path]
    publish: Publish


class Directories(ABC, Generic[L]):
    """The directories below the root of a storage, each replaced as a whole.

    Attributes:
        base: The root.
    """

    def __init__(self, base: L) -> None:
        """Work below `base`, which need not exist yet."""
        self.base = base

    @abstractmethod
    def replacing(self, *directories: L) -> AbstractContextManager[Replacement]:
        """Yield an empty local directory for each of these, to be filled and published.

        Those with files are put in place in the given order; then those left empty are removed (a
        failed removal does not fail the others, which are in place). Nobody else replaces anything
        there in between. If the body raises, or ends without publishing, or the process dies, they
        stay unchanged. (On an object store, a process may die while the new files are written;
        readers then refuse the directory until it has been replaced again.)

        Args:
            directories: The directories to replace, all below the root.

        Raises:
            PublishError: One is not a directory or is not below the root, or the root is not
                writable.
        """

    @abstractmethod
    def exists(self, directory: L) -> bool:
        """Return whether a directory exists and is not empty."""

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
        """Make sure that the body reads a single version of `directory`.

        Yields:
            The `state` of that version; None if the directory does not exist.

        Raises:
            ReplacedError: It was replaced in the meantime, or is being replaced. This is checked
                at the end, even if the body fails.
            PublishError: `directory` is not a directory, or is not below the root.
        """
        message = f"{directory} was replaced while it was being read: run again"
        with self._version(directory) as (state, is_same):
            try:
                yield state
            except Exception as error:
                if is_same():
                    raise
                raise ReplacedError(message) from error
            if not is_same():
                raise ReplacedError(message)
