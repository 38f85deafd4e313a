"""What may be wrong with the rides database, and what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

_REMEDIES = {
    "malformed": "the file is damaged: restore it from a backup, or move it away",
    "not a database": "the file is damaged, or of another program: restore it, or move it away",
    "disk is full": "free space on its disk, and run again",
    "constraint": "these values do not fit into its tables",
    "readonly": "make the file and its directory writable, or set RIDES_DB to another file",
}


class RidesDatabaseError(dg.Failure):
    """The rides database cannot be used; the text names the file, the reason and what to do."""


class RidesDatabaseLockedError(RidesDatabaseError):
    """Another process has held the write lock for longer than `busy_timeout`."""


class UnusableFileError(Exception):
    """This SQLite or this file cannot be used; the text says why and what to do."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say which file an error is about, and what to do.

    Raises:
        RidesDatabaseError: In place of any error of SQLite, the disk or the file.
    """
    try:
        yield
    except UnusableFileError as error:
        raise RidesDatabaseError(f"the rides database {path}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        if is_locked(error):
            raise RidesDatabaseLockedError(
                f"the rides database {path} is locked: another process has been writing to it for "
                "longer than busy_timeout; let it finish or end it, and run again"
            ) from error
        remedy = next(
            (remedy for problem, remedy in _REMEDIES.items() if problem in str(error)),
            "RIDES_DB has to name a file that is a SQLite database, or can be made one, in a "
            "directory that can be written to",
        )
        raise RidesDatabaseError(
            f"the rides database {path} cannot be used ({error}): {remedy}"
        ) from error


def is_locked(error: BaseException) -> bool:
    """Tell whether an error says that another process has the lock."""
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
