"""One SQLite file as the place of the rides: several processes write to it.

It has a rollback journal and no write-ahead log. So nothing lies beside it between transactions: it
can be moved alone, and no log of an old file is taken for part of a new one. The price is that our
own processes take turns, and that a
writer waits for other programs that read.
"""

import fcntl
import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sales_assets.rides.errors import UnusableDatabaseError, explained
from sales_assets.rides.transactions import Database, Result


class SqliteFile(Database):
    """A SQLite file, made when it is first used."""

    begin_to_read = "BEGIN"
    # With the lock from the start, so that no other process writes between reads and writes.
    begin_to_write = "BEGIN IMMEDIATE"
    # Files of earlier versions have a write-ahead log.
    settle = "PRAGMA journal_mode = DELETE"

    def __init__(self, path: Path, busy_timeout: float, log: logging.Logger) -> None:
        """Open nothing yet.

        Args:
            path: An absolute path.
            busy_timeout: Seconds to wait for other processes that use the file.
            log: As for any database.
        """
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            connect_args={"timeout": busy_timeout, "isolation_level": None},
        )
        sa.event.listen(engine, "connect", _configure)
        sa.event.listen(engine, "checkout", _forget)
        super().__init__(str(path), engine, log)

    def _run(self, begin: str, work: Callable[[sa.Connection], Result]) -> Result:
        # SQLite names a journal by the path of its file. While one of us ends a transaction in a
        # file that was moved away, another would take that journal for one of the new file.
        with explained(self.address):
            directory = Path(self.address).parent
            directory.mkdir(parents=True, exist_ok=True)
            alone = os.open(directory, os.O_RDONLY)
            try:
                fcntl.flock(alone, fcntl.LOCK_EX)
                return super()._run(begin, work)
            finally:
                os.close(alone)

    def _identify(self) -> tuple[int, int]:
        """Make the file if there is none, and tell it from others by device and inode."""
        path = Path(self.address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # Never a file that is there: to close it would end the locks of this process.
            Path(os.path.realpath(path)).touch(exist_ok=False)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnusableDatabaseError("it is not a regular file: set RIDES_DB to another path")
        return status.st_dev, status.st_ino


def _configure(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # A ride that is stored stays stored, also when the power fails.
    connection.execute("PRAGMA synchronous = EXTRA")


def _forget(connection: Any, *_: object) -> None:
    # What SQLite remembers of the file would hide that it is damaged.
    connection.execute("PRAGMA shrink_memory")
