"""The SQLite file that holds the rides, as a Dagster resource: all of its SQL but the schema's.

Every write is a short transaction that takes the write lock at its start, so that several processes
can use one file; a reader sees the file before a transaction or after it. Where rides come from,
and what is said of them in Dagster, is not known here.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import tenacity
from pydantic import Field

from sales_assets.rides.ride import Driver, Ride, RideAnswer, User
from sales_assets.rides.schema import RidesSchemaError, migrate, require_sqlite

COMPUTE_STATISTICS = """
    INSERT INTO driver_statistics
    SELECT driver_uuid, SUM(distance), COUNT(*), SUM(price), AVG(distance),
           strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    FROM rides
    GROUP BY driver_uuid
    ON CONFLICT (driver_uuid) DO UPDATE SET
        total_distance = excluded.total_distance,
        rides = excluded.rides,
        total_price = excluded.total_price,
        average_distance = excluded.average_distance,
        updated_at = excluded.updated_at
    WHERE (total_distance, rides, total_price, average_distance)
        IS NOT (excluded.total_distance, excluded.rides, excluded.total_price,
                excluded.average_distance)
"""
"""The statistics of all drivers; a row whose figures stay the same keeps its `updated_at`."""

_DELETE_GONE = """
    DELETE FROM driver_statistics
    WHERE NOT EXISTS (SELECT 1 FROM rides WHERE rides.driver_uuid = driver_statistics.driver_uuid)
"""

_DISAGREEING = """
    SELECT driver_uuid FROM driver_statistics AS statistics
    WHERE (total_distance, rides, total_price)
        IS NOT (SELECT SUM(distance), COUNT(*), SUM(price) FROM rides
                WHERE rides.driver_uuid = statistics.driver_uuid)
    UNION ALL
    SELECT DISTINCT driver_uuid FROM rides
    WHERE driver_uuid NOT IN (SELECT driver_uuid FROM driver_statistics)
"""


def _upsert(table: str, record: type) -> str:
    """Insert a record, or replace the one with the same key: the first column."""
    key, *others = columns = list(record.__annotations__)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608 - no data in here
        f"VALUES ({', '.join(f':{column}' for column in columns)}) ON CONFLICT ({key}) "
        f"DO UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in others)}"
    )


_UPSERT_DRIVER = _upsert("drivers", Driver)
_UPSERT_USER = _upsert("users", User)
_UPSERT_RIDE = _upsert("rides", Ride)


class RidesDatabaseError(dg.Failure):
    """The rides database cannot be used; the text names the file, the reason and what to do."""


class RidesDatabaseLockedError(RidesDatabaseError):
    """Another process has held the write lock for longer than `busy_timeout`."""


class RidesStore:
    """The open database; of one thread.

    Attributes:
        path: The file.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Use a connection in autocommit mode to the file at `path`."""
        self.path = path
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all that happens inside, or nothing; others wait meanwhile to write.

        Raises:
            RidesDatabaseError: SQLite refuses.
        """
        with _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run a query without parameters.

        Raises:
            RidesDatabaseError: SQLite refuses.
        """
        with _explained(self.path):
            cursor = self._connection.execute(sql)
            columns = [column[0] for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor]

    def store(self, answer: RideAnswer) -> bool:
        """Write a ride with its driver and its user, each in place of what was known of it.

        Returns:
            Whether the ride is new.

        Raises:
            RidesDatabaseError: SQLite refuses; nothing of the answer is written.
        """
        ride = answer["ride"]
        with self.transaction():
            known = self._connection.execute(
                "SELECT 1 FROM rides WHERE ride_uuid = ?", (ride["ride_uuid"],)
            ).fetchone()
            self._connection.execute(_UPSERT_DRIVER, answer["driver"])
            self._connection.execute(_UPSERT_USER, answer["user"])
            self._connection.execute(_UPSERT_RIDE, ride)
        return known is None

    def compute_statistics(self) -> None:
        """Make `driver_statistics` what the rides say; to be called within a transaction."""
        self._connection.execute(_DELETE_GONE)
        self._connection.execute(COMPUTE_STATISTICS)

    def disagreeing_drivers(self) -> list[str]:
        """List the drivers of whom rides, added up anew, and statistics do not say the same."""
        return [row["driver_uuid"] for row in self.rows(_DISAGREEING)]


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its file is made when it is first opened."""

    path: str = Field(description="The SQLite file.")
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait for other processes that write."
    )

    @contextmanager
    def open(self) -> Iterator[RidesStore]:
        """Open the file, which has the newest schema then.

        Raises:
            RidesDatabaseError: The file cannot be made, opened or migrated.
        """
        path = Path(self.path).absolute()
        with _explained(path):
            require_sqlite()
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, timeout=self.busy_timeout, isolation_level=None)
        with closing(connection):
            with _explained(path):
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = FULL")
                # First, so that a file of something else is refused as it is.
                migrate(connection)
                self._use_wal(connection)
            yield RidesStore(connection, path)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait when several connections switch a new file to WAL at once.
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_locked),
            stop=tenacity.stop_after_delay(self.busy_timeout),
            wait=tenacity.wait_random(0.001, 0.05),
            reraise=True,
        )
        [mode] = retrying(lambda: connection.execute("PRAGMA journal_mode = WAL").fetchone())
        if mode != "wal":
            raise RidesSchemaError(
                f"SQLite keeps no write-ahead log there (journal mode {mode}): set RIDES_DB to a "
                "file on a local disk"
            )


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say which file an error is about, and what to do."""
    try:
        yield
    except RidesSchemaError as error:
        raise RidesDatabaseError(f"the rides database {path}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        if _is_locked(error):
            raise RidesDatabaseLockedError(
                f"the rides database {path} is locked: another process has been writing to it for "
                "longer than busy_timeout; let it finish or end it, and run again"
            ) from error
        raise RidesDatabaseError(
            f"the rides database {path} cannot be used ({error}): RIDES_DB has to name a file "
            "that is a SQLite database, or none yet, in a directory that can be written to"
        ) from error
