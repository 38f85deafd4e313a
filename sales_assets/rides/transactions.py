"""The SQLite file or Postgres server that stores the rides, and its transactions.

Before and after each transaction, the open database is compared with what is at its address: if a
file was deleted, moved or replaced, SQLite would go on with the old one, and what is written from
then on would be lost. What is written does not matter here.
"""

import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa

from sales_assets.http.address import InvalidAddressError, path_or_scheme
from sales_assets.rides.errors import RidesDatabaseError, UnusableDatabaseError, explained
from sales_assets.rides.schema import is_current, make_tables
from sales_assets.storage.replace import PublishError
from sales_assets.storage.replace.work import locked

Result = TypeVar("Result")

_MOST_TRIES = 10
_EXPECTED = (
    "the path of a SQLite file without a scheme (./a:b for a name with a colon), or an address of "
    "the form postgresql://user:password@host/database"
)
_MALFORMED = (
    "RIDES_DB must have the form postgresql://user:password@host/database, with the password "
    "there and nowhere else; write a `@` in the password as %40"
)
# Parameters of libpq that hold a password, or a whole address.
_SECRET = re.compile("pass(word|wd)|dsn|secret|token", re.IGNORECASE)


class Database:
    """A database with the tables of the rides; of one thread.

    Attributes:
        address: What names the database, without a password.
    """

    begin: ClassVar[str]

    def __init__(self, address: str, engine: sa.Engine, log: logging.Logger) -> None:
        self.address = address
        self._engine = engine
        self._log = log
        self._opened: object = None

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Write everything that `work` does, or nothing, and return what it returns.

        `work` is called again if the file was replaced before everything was written.

        Raises:
            RidesDatabaseError: The database cannot be used, or not now, or not with these values.
        """
        with explained(self.address), self._turn():
            for _ in range(_MOST_TRIES):
                there = self._identify()
                try:
                    if self._opened != there:
                        self._reopen()
                        # The open connection keeps this file's number from being reused.
                        self._opened = there
                    result = self._transact(work)
                except sa.exc.DBAPIError:
                    if self._identify() == there:
                        raise
                else:
                    if self._identify() == there:
                        return result
            raise UnusableDatabaseError("it keeps being replaced: leave it where it is")

    def close(self) -> None:
        """Close the database, if it is open."""
        self._engine.dispose()
        self._opened = None

    def _turn(self) -> AbstractContextManager[None]:
        """Keep our other processes away."""
        return nullcontext()

    def _identify(self) -> object:
        """Identify what is at the address, as opposed to what may replace it."""
        return self.address

    def _reopen(self) -> None:
        if self._opened:
            self._log.warning(
                "the rides database %s was deleted, moved or replaced: opening what is there now",
                self.address,
            )
        self.close()
        with self._engine.connect() as connection:
            current = is_current(connection)
        if not current:
            self._transact(make_tables)

    def _transact(self, work: Callable[[sa.Connection], Result]) -> Result:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(self.begin)
            return work(connection)


class SqliteFile(Database):
    """A SQLite file, created when it is first used.

    It has a rollback journal and no write-ahead log, so it can be moved alone between transactions.
    In return our own processes take turns, and a writer waits for programs that read.
    """

    # Locks from the start, so that no other process writes between reads and writes.
    begin = "BEGIN IMMEDIATE"

    def __init__(self, path: Path, busy_timeout: float, log: logging.Logger) -> None:
        engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)),
            connect_args={"timeout": busy_timeout, "isolation_level": None},
        )
        sa.event.listen(engine, "connect", _configure)
        sa.event.listen(engine, "checkout", _forget)
        super().__init__(str(path), engine, log)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # SQLite finds a journal by the path of its file. While one of us ends a transaction in a
        # file that was moved away, another would take its journal for that of the new file.
        directory = Path(self.address).parent
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with locked(directory.resolve()):
                yield
        except PublishError as error:
            raise UnusableDatabaseError(
                "its file system does not support flock: set RIDES_DB to a file on another one"
            ) from error

    def _identify(self) -> tuple[int, int]:
        """Create the file if there is none; identify it by device and inode."""
        path = Path(self.address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # Never open a file that exists: closing it would end the locks of this process.
            Path(os.path.realpath(path)).touch(exist_ok=False)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnusableDatabaseError("it is not a regular file: set RIDES_DB to another path")
        return status.st_dev, status.st_ino

    def _reopen(self) -> None:
        super()._reopen()
        with self._engine.connect() as connection:
            # Files of earlier versions have a write-ahead log.
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")


def _configure(connection: Any, _: object) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    # A ride that is stored stays stored, even when the power fails.
    connection.execute("PRAGMA synchronous = EXTRA")


def _forget(connection: Any, *_: object) -> None:
    # What SQLite remembers of the file would hide that it is damaged.
    connection.execute("PRAGMA shrink_memory")


class PostgresServer(Database):
    """A database of a Postgres server, `postgresql://user:password@host/database`."""

    begin = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"

    def __init__(self, address: str, busy_timeout: float, log: logging.Logger) -> None:
        timeout = max(1, round(busy_timeout))
        try:
            # SQLAlchemy knows only one of the two schemes in use, and we have only one driver.
            url = sa.make_url(f"postgresql+psycopg2://{address.partition('://')[2]}")
            theirs = " ".join(url.normalized_query.get("options", ()))
            options = {
                "connect_timeout": timeout,
                "client_encoding": "UTF8",
                "options": f"-c lock_timeout={timeout * 1000} {theirs}",
            }
            engine = sa.create_engine(url, pool_pre_ping=True, connect_args=options)
        except (sa.exc.ArgumentError, ValueError):
            raise RidesDatabaseError(_MALFORMED) from None
        except ModuleNotFoundError as error:
            raise RidesDatabaseError(
                f"RIDES_DB is a Postgres server, which requires the extra `deploy` ({error})"
            ) from error
        if "@" in f"{url.host}{url.database}" or any(map(_SECRET.search, url.query)):
            raise RidesDatabaseError(_MALFORMED)
        shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        super().__init__(shown, engine, log)


def database_at(place: str, busy_timeout: float, log: logging.Logger) -> Database:
    """Choose the kind of database, and open nothing yet.

    Args:
        place: The path of a file, or the address of a Postgres server.
        busy_timeout: Seconds to wait while others use it.
        log: Gets a warning when the file was deleted, moved or replaced.

    Raises:
        RidesDatabaseError: It is neither, or there is no driver for a server.
    """
    try:
        scheme = path_or_scheme(place, "RIDES_DB", _EXPECTED)
        if isinstance(scheme, Path):
            return SqliteFile(scheme, busy_timeout, log)
        # Whatever driver it names, ours is used.
        if scheme.partition("+")[0] not in ("postgres", "postgresql"):
            raise InvalidAddressError("RIDES_DB", None, _EXPECTED)
    except InvalidAddressError as error:
        raise RidesDatabaseError(str(error)) from None
    return PostgresServer(place, busy_timeout, log)
