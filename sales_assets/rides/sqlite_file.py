"""One SQLite file that several processes write to, and that is always the one at its path.

SQLite goes on writing to a file that was deleted, moved or replaced under it, and so would lose all
that is written from then on. Here the file is compared before and after each transaction with the
one that was opened, and opened anew if it is another. What is written is not known here.
"""

import logging
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

import tenacity

from sales_assets.rides.errors import UnusableFileError, explained, is_locked

Result = TypeVar("Result")

_SUFFIXES = ("", "-wal", "-shm")
"""The file, its write-ahead log, and what the processes that use it share."""

_MOST_OPENINGS = 10

_RESTLESS = "it is replaced again and again: let it stay where it is"


class SqliteFile:
    """An open SQLite file; of one thread.

    Attributes:
        path: Where the file is.
    """

    def __init__(
        self,
        path: Path,
        busy_timeout: float,
        prepare: Callable[[sqlite3.Connection], None],
        log: logging.Logger,
    ) -> None:
        """Open nothing yet.

        Args:
            path: An absolute path; the file is made when it is first used.
            busy_timeout: Seconds to wait for other processes that write.
            prepare: Checks the content of a file that was opened, and makes its tables.
            log: Is told when the file is opened anew.
        """
        self.path = path
        self._busy_timeout = busy_timeout
        self._prepare = prepare
        self._log = log
        self._connection: sqlite3.Connection | None = None
        self._opened: list[tuple[int, int] | None] = []
        self._opened_at = ""

    def open(self) -> None:
        """Open the file, or make it, ahead of its first use.

        Raises:
            RidesDatabaseError: SQLite refuses, or the file is of something else.
        """
        self._run(lambda _: None)

    def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Run a query.

        Raises:
            RidesDatabaseError: SQLite refuses.
        """
        return self._run(lambda connection: fetch(connection, sql, parameters))

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Write all that `work` does, or nothing, in one transaction; others wait meanwhile.

        Args:
            work: Is called again if the file was replaced before all was written.

        Returns:
            What `work` returns.

        Raises:
            RidesDatabaseError: SQLite refuses.
        """
        return self._run(lambda connection: _in_transaction(connection, work))

    def close(self) -> None:
        """Close the file, if it is open; one that was moved is whole without its log."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with closing(connection):
            if self._files()[0] == self._opened[0]:
                return
            # SQLite does so by itself only with a file that is where it was.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            # What is left of the old file would be taken for part of the new one.
            for suffix, opened in zip(_SUFFIXES[1:], self._opened[1:], strict=True):
                if _identity(self._opened_at + suffix) == opened:
                    Path(self._opened_at + suffix).unlink(missing_ok=True)

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with explained(self.path):
            for _ in range(_MOST_OPENINGS):
                try:
                    result = work(self._current())
                except sqlite3.Error:
                    if self._connection is None or self._files() == self._opened:
                        raise
                else:
                    if self._files() == self._opened:
                        return result
            raise UnusableFileError(_RESTLESS)

    def _current(self) -> sqlite3.Connection:
        """Give a connection to the file that is at the path now."""
        if self._connection is not None and self._files() != self._opened:
            self._log.warning(
                "the rides database %s was deleted, moved or replaced: it is opened anew", self.path
            )
            self.close()
        if self._connection is None:
            self._connection = self._open()
        # What SQLite remembers of the file would hide that it is damaged.
        self._connection.execute("PRAGMA shrink_memory")
        _read_header(self.path)
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_MOST_OPENINGS):
            before = self._files()[0]
            if before and not stat.S_ISREG(self.path.stat().st_mode):
                raise UnusableFileError("it is not a regular file: set RIDES_DB to another path")
            connection = sqlite3.connect(
                self.path, timeout=self._busy_timeout, isolation_level=None
            )
            try:
                # A new file is made here and opened the next time: only one that was there before
                # and after is surely the one that was opened.
                if before and self._files()[0] == before:
                    connection.execute("PRAGMA foreign_keys = ON")
                    connection.execute("PRAGMA synchronous = FULL")
                    # First, so that a file of something else is refused as it is.
                    self._prepare(connection)
                    self._use_wal(connection)
                    self._opened_at = os.path.realpath(self.path)
                    self._opened = self._files()
                    if self._opened[0] == before and None not in self._opened:
                        return connection
            except BaseException:
                connection.close()
                raise
            connection.close()
        raise UnusableFileError(_RESTLESS)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait when several connections switch a new file to WAL at once.
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_locked),
            stop=tenacity.stop_after_delay(self._busy_timeout),
            wait=tenacity.wait_random(0.001, 0.05),
            reraise=True,
        )
        [mode] = retrying(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        if mode != "wal":
            raise UnusableFileError(
                f"SQLite keeps no write-ahead log there (journal mode {mode}): set RIDES_DB to a "
                "file on a local disk"
            )
        # Only the first query makes the log.
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()

    def _files(self) -> list[tuple[int, int] | None]:
        """Tell which files are there now, by device and inode; None is a missing one."""
        # SQLite keeps the log beside the file that a link names.
        real = os.path.realpath(self.path)
        return [_identity(real + suffix) for suffix in _SUFFIXES]


def _in_transaction(
    connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], Result]
) -> Result:
    # With the lock from the start, so that no other process writes between its reads and writes.
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return result


def fetch(
    connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...] = ()
) -> list[dict[str, Any]]:
    """Run a query, and give its rows by column."""
    cursor = connection.execute(sql, parameters)
    columns = [column[0] for column in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def _read_header(path: Path) -> None:
    # Read through SQLite, since closing a file of our own would end the locks of this process, and
    # from the file itself, since the log may hold a good header over a damaged one.
    probe = sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)
    with closing(probe):
        if probe.execute("PRAGMA schema_version").fetchone() == (0,):
            raise sqlite3.DatabaseError("file is not a database, but empty")


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - a string
    except OSError:
        return None
    return status.st_dev, status.st_ino
