"""What RIDES_DB names: a SQLite file, or a database of a Postgres server."""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from sales_assets.http.address import InvalidAddressError, path_or_scheme
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.storage.replace import PublishError
from sales_assets.storage.replace.work import locked

_EXPECTED = (
    "the path of a SQLite file without a scheme (./a:b for a name with a colon), or an address of "
    "the form postgresql://user:password@host/database, with a password there alone (a `@` as %40)"
)
# Parameters of libpq that hold a password, or a whole address.
_SECRET = re.compile("pass(word|wd)|dsn|secret|token", re.IGNORECASE)


@dataclass
class Place:
    """A database of a server: its address without a password, and what begins a transaction."""

    address: str
    engine: sa.Engine
    begin: tuple[str, ...]

    def turn(self) -> AbstractContextManager[None]:
        """Keep away our other processes that must not work at the same time."""
        return nullcontext()

    def identify(self) -> object:
        """Identify what is at the address, as opposed to what may replace it."""
        return self.address


class SqliteFile(Place):
    """A SQLite file, created when it is first used.

    It has a rollback journal and no write-ahead log, so it can be moved alone between transactions.
    In return our own processes take turns, and a writer waits for programs that read.
    """

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep our other processes away."""
        # SQLite finds a journal by the path of its file. While one of us ends a transaction in a
        # file that was moved away, another would take its journal for that of the new file.
        directory = Path(self.address).parent
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with locked(directory.resolve()):
                yield
        except PublishError as error:
            raise RidesDatabaseError(
                "its file system does not support flock: set RIDES_DB to a file on another one"
            ) from error

    def identify(self) -> object:
        """Create the file if there is none, and identify it."""
        path = Path(self.address)
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            # Never open a file that exists: closing it would end the locks of this process.
            Path(os.path.realpath(path)).touch(exist_ok=False)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RidesDatabaseError("it is not a regular file: set RIDES_DB to another path")
        return status.st_dev, status.st_ino


def place_of(address: str, busy_timeout: float) -> Place:
    """Return the file or the Postgres server that an address names; nothing is opened yet.

    Raises:
        RidesDatabaseError: It names neither, or there is no driver for a server.
    """
    try:
        scheme = path_or_scheme(address, "RIDES_DB", _EXPECTED)
        if isinstance(scheme, Path):
            return _file(str(scheme), busy_timeout)
        if scheme.partition("+")[0] not in ("postgres", "postgresql"):
            raise InvalidAddressError("RIDES_DB", None, _EXPECTED)
        return _server(address, max(1, round(busy_timeout)))
    except InvalidAddressError as error:
        raise RidesDatabaseError(str(error)) from None


def _file(path: str, busy_timeout: float) -> SqliteFile:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=path),
        connect_args={"timeout": busy_timeout, "isolation_level": None},
    )
    begin = (
        "PRAGMA foreign_keys = ON",
        # A ride that is stored stays stored, even when the power fails.
        "PRAGMA synchronous = EXTRA",
        # What SQLite remembers of the file would hide that it is damaged.
        "PRAGMA shrink_memory",
        # Locks from the start, so that no other process writes between reads and writes.
        "BEGIN IMMEDIATE",
    )
    return SqliteFile(path, engine, begin)


def _server(address: str, timeout: int) -> Place:
    try:
        # SQLAlchemy knows only one of the two schemes in use, and we have only one driver.
        url = sa.make_url(f"postgresql+psycopg2://{address.partition('://')[2]}")
    except (sa.exc.ArgumentError, ValueError):
        raise InvalidAddressError("RIDES_DB", None, _EXPECTED) from None
    if "@" in f"{url.host}{url.database}" or any(map(_SECRET.search, url.query)):
        raise InvalidAddressError("RIDES_DB", None, _EXPECTED)
    theirs = " ".join(url.normalized_query.get("options", ()))
    options = {
        "connect_timeout": timeout,
        "client_encoding": "UTF8",
        "options": f"-c lock_timeout={timeout * 1000} {theirs}",
    }
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, connect_args=options)
    except ModuleNotFoundError as error:
        raise RidesDatabaseError(
            f"RIDES_DB is a Postgres server, which requires the extra `deploy` ({error})"
        ) from error
    shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    return Place(shown, engine, ("SET TRANSACTION ISOLATION LEVEL READ COMMITTED",))
