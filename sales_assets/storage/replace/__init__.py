"""A finished directory takes the place of an old one: whole, or not at all.

On a local file system the new directory is exchanged for the old one in one step (`local`). Object
stores have no rename: there the new files are written over the old ones, and what is left of the
old day is deleted (`objects`). What is in a directory does not matter here.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from sales_assets.storage.location import Location
from sales_assets.storage.replace import local, objects
from sales_assets.storage.replace.errors import PublishError, ReplacedError

__all__ = [
    "PublishError",
    "ReplacedError",
    "leftovers",
    "reading",
    "remove",
    "replacing",
    "sweep",
]


def replacing(directory: Location, base: Location) -> AbstractContextManager[Path]:
    """Give an empty local directory to fill, which then replaces `directory`.

    When the body raises, or the process dies, `directory` stays as it was. (On an object store it
    may die while the new files are written; then readers refuse the directory until it has been
    replaced again.)

    Args:
        directory: What is to be replaced, or made; below `base`.
        base: Root of the storage. Work in progress goes to `.work` in it.

    Returns:
        A context manager that gives the directory to fill with files.

    Raises:
        PublishError: `directory` is no directory or does not lie below `base`, or `base` cannot be
            written to, or (on an object store) two runs wrote the directory at the same time.
    """
    if isinstance(directory, Path) or isinstance(base, Path):
        return local.replacing(Path(str(directory)), Path(str(base)))
    return objects.replacing(directory, base)


def remove(directory: Location, base: Location) -> None:
    """Remove `directory` with all that is in it, if it is there.

    Raises:
        PublishError: As for `replacing`.
    """
    if isinstance(directory, Path) or isinstance(base, Path):
        local.remove(Path(str(directory)), Path(str(base)))
    else:
        objects.remove(directory, base)


def leftovers(base: Location) -> list[str]:
    """Name what processes that died have left in the work directory of a storage."""
    return local.leftovers(base) if isinstance(base, Path) else objects.leftovers(base)


def sweep(base: Location) -> None:
    """Clear away `leftovers`, as far as that loses nothing.

    What an object store has are marks of days that are neither old nor new. They stay, since a
    reader would take such a day for a whole one; materializing the day again clears its mark.
    """
    if isinstance(base, Path):
        local.sweep(base)


@contextmanager
def reading(directory: Location, base: Location) -> Iterator[None]:
    """Make sure that what the body reads in `directory` is one and the same version of it.

    Raises:
        ReplacedError: It was replaced meanwhile, or is just being replaced.
        PublishError: `directory` is no directory, or does not lie below `base`.
    """
    if isinstance(directory, Path) or isinstance(base, Path):
        version = local.version(Path(str(directory)), Path(str(base)))
    else:
        version = objects.version(directory, base)
    message = f"{directory} was replaced while it was read: run again"
    with version as is_same:
        try:
            yield
        except OSError as error:
            if is_same():
                raise
            raise ReplacedError(message) from error
        if not is_same():
            raise ReplacedError(message)
