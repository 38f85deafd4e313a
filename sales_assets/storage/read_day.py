"""Reading a day whole from outside of Dagster, even while a run replaces it.

Whoever lists a directory and opens its files one by one can meet two versions of the day. Here the
directory is opened once and read through its descriptor, which stays with one version.
"""

import os
import stat
from pathlib import Path

import tenacity

from sales_assets.storage.files import InvalidPartitionError, is_dropping
from sales_assets.storage.replace.errors import ReplacedError
from sales_assets.storage.replace.local import LocalDirectories

_ATTEMPTS = 20


@tenacity.retry(
    retry=tenacity.retry_if_exception_type(ReplacedError),
    stop=tenacity.stop_after_attempt(_ATTEMPTS),
    wait=tenacity.wait_random(0, 0.05),
    reraise=True,
)
def read_day(directory: str | Path) -> dict[str, bytes]:
    """Read all files of a day on a local disk, all of them of one version.

    Args:
        directory: That of the day, such as `file_storage/stg/sales/2022-08-09`.

    Returns:
        The content of each file, by its name; pages in their order, 10 after 9.

    Raises:
        FileNotFoundError: There is no such day.
        InvalidPartitionError: Something in the directory is not a regular file.
        ReplacedError: The day was replaced again and again.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        if _is_put_back(Path(directory).absolute()):
            raise ReplacedError(f"{directory} was just being replaced") from error
        raise
    try:
        listed = os.listdir(descriptor)  # noqa: PTH208 - a descriptor has no path
        names = [name for name in listed if not is_dropping(name)]
        files = {name: _read(name, descriptor, directory) for name in sorted(names, key=_order)}
        # The old version is cleared away once the new one is in place: it may have been half gone.
        if _is_still_at(descriptor, directory):
            return files
    except FileNotFoundError as error:
        raise ReplacedError(f"{directory} was replaced while it was read") from error
    finally:
        os.close(descriptor)
    raise ReplacedError(f"{directory} was replaced while it was read")


def _is_put_back(directory: Path) -> bool:
    """Tell whether a day is there after all: it may have been lost between two renames."""
    return any(LocalDirectories(base).exists(directory) for base in [*directory.parents][2:3])


def _read(name: str, directory: int, shown: str | Path) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=directory)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InvalidPartitionError(f"{shown}/{name} is not a regular file: move it away")
        return file.read()


def _is_still_at(descriptor: int, directory: str | Path) -> bool:
    return os.path.samestat(os.fstat(descriptor), os.stat(directory))  # noqa: PTH116


def _order(name: str) -> tuple[int, str]:
    number = Path(name).stem.rpartition("_")[2]
    return (int(number) if number.isdecimal() else 0), name
