"""What a storage can do with its directories, whatever it lies on."""

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
        """Put them in place, and give the `state` of each.

        Args:
            check: Called right before that, while (on a local disk) nobody else replaces anything;
                when it raises, nothing is replaced.

        Raises:
            PublishError: The root cannot be written to.
            TornDayError: On an object store, an upload failed, or two runs wrote a directory at the
                same time.
        """


class Replacement(NamedTuple):
    """New directories, which are not in their places yet.

    Attributes:
        new: Empty local directories to write to, one for each that is to be replaced.
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
        """Work below `base`, which need not be there yet."""
        self.base = base

    @abstractmethod
    def replacing(self, *directories: L) -> AbstractContextManager[Replacement]:
        """Give an empty local directory for each of these, to be filled and published.

        Those with files are put in place in the given order; then those that have stayed empty are
        removed (one that cannot be does not fail the others, which are in place). Nobody else
        replaces anything there in between. When the body raises, or ends without publishing, or the
        process dies, they stay as they were. (On an object store a process may die while the new
        files are written; then readers refuse the directory until it has been replaced again.)

        Args:
            directories: What to replace, all below the root.

        Raises:
            PublishError: One is not a directory or does not lie below the root, or the root cannot
                be written to.
        """

    @abstractmethod
    def exists(self, directory: L) -> bool:
        """Tell whether a directory is there, and has something in it."""

    @abstractmethod
    def state(self, directory: L) -> object:
        """Give what tells one version of a directory from the next; None if it is not there."""

    @abstractmethod
    def leftovers(self) -> list[str]:
        """Name what processes that died have left where work is done."""

    @abstractmethod
    def strangers(self) -> list[str]:
        """Name what lies where work is done and is not ours; it is never touched."""

    @abstractmethod
    def sweep(self) -> None:
        """Clear away `leftovers`, as far as that loses nothing."""

    @abstractmethod
    def _version(self, directory: L) -> AbstractContextManager[tuple[object, Callable[[], bool]]]:
        """Give the state of a directory, and a function that tells whether that still lasts."""

    @contextmanager
    def reading(self, directory: L) -> Iterator[object]:
        """Make sure that what the body reads in `directory` is one and the same version of it.

        Yields:
            The `state` of that version; None if the directory is not there.

        Raises:
            ReplacedError: It was replaced meanwhile, or is just being replaced. That is found out
                at the end, also when the body fails.
            PublishError: `directory` is not a directory, or does not lie below the root.
        """
        message = f"{directory} was replaced while it was read: run again"
        with self._version(directory) as (state, is_same):
            try:
                yield state
            except Exception as error:
                if is_same():
                    raise
                raise ReplacedError(message) from error
            if not is_same():
                raise ReplacedError(message)
