"""The rides database as a Dagster resource: what is written into its tables and asked of them.

Every write is one short transaction, so that several processes can use one database; a reader sees
it before a transaction or after it. `schema` makes the tables and `statistics` sums rides up;
`sqlite_file` and `postgres_server` are the places where they are. Where rides come from, and what
is said of them in Dagster, is not known here.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from sales_assets.rides import statistics
from sales_assets.rides.postgres_server import PostgresServer, is_postgres
from sales_assets.rides.ride import RideAnswer
from sales_assets.rides.schema import drivers, migrate, rides, users
from sales_assets.rides.sqlite_file import SqliteFile
from sales_assets.rides.statistics import DIALECTS, Row, Summary, fetch

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_KNOWN = sa.select(rides.c.ride_uuid).where(rides.c.ride_uuid == sa.bindparam("ride_uuid"))


@functools.cache
def _upsert(dialect: str, table: sa.Table) -> sa.TextClause:
    """Insert a row, or replace the one with the same key."""
    insert = DIALECTS[dialect].insert(table)
    others = [column.name for column in table.c if not column.primary_key]
    upsert = insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: insert.excluded[name] for name in others},
    )
    # Made once: SQLAlchemy would compile it again at each ride, which takes five times as long.
    return sa.text(str(upsert.compile(dialect=DIALECTS[dialect].dialect(paramstyle="named"))))


class Database(Protocol):
    """Where the tables are; its methods may raise `RidesDatabaseError`."""

    @property
    def address(self) -> str:
        """What names the database, without a password."""

    def open(self) -> None:
        """Open the database, which has the newest schema then."""

    def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run queries that see one moment, and give what `work` returns."""

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Write all that `work` does, or nothing, and give what it returns."""

    def close(self) -> None:
        """Close it."""


class RidesStore:
    """The open database; of one thread. Each of its methods may raise `RidesDatabaseError`.

    Attributes:
        address: What names the database: the path of the file, or the address of the server.
    """

    def __init__(self, database: Database) -> None:
        """Use a database with the newest schema."""
        self.address = database.address
        self._database = database

    def store(self, answer: RideAnswer) -> bool:
        """Write a ride with its driver and its user, each in place of what was known of it.

        If it raises, nothing of the answer is written.

        Returns:
            Whether the ride is new.

        Raises:
            UnstorableRideError: The database can hold no such text.
        """
        ride = answer["ride"]
        user = {**answer["user"], "is_driver": int(answer["user"]["is_driver"])}

        def write(connection: sa.Connection) -> bool:
            dialect = connection.dialect.name
            connection.execute(_upsert(dialect, drivers), answer["driver"])
            connection.execute(_upsert(dialect, users), user)
            new = connection.execute(_KNOWN, {"ride_uuid": ride["ride_uuid"]}).first() is None
            connection.execute(_upsert(dialect, rides), ride)
            return new

        return self._database.write(write)

    def compute_statistics(self) -> Summary:
        """Make `driver_statistics` what the rides say, in one transaction, and sum it up there."""
        return self._database.write(statistics.compute)

    def disagreeing_drivers(self) -> list[str]:
        """List the drivers of whom rides, added up anew, and statistics do not say the same."""
        return self._database.read(statistics.list_disagreeing)

    def count_rides(self) -> int:
        """Count all rides."""
        return self._database.read(lambda connection: _count(connection, rides))

    def implausible_rides(self, longest: float) -> tuple[int, list[Row]]:
        """Count the rides of a negative distance, or one over `longest`, and give the first ten."""
        found = sa.select(rides).where(~rides.c.distance.between(0, longest))

        def look(connection: sa.Connection) -> tuple[int, list[Row]]:
            first = found.order_by(rides.c.ride_uuid).limit(10)
            return _count(connection, found.subquery()), fetch(connection, first)

        return self._database.read(look)

    def orphans(self) -> dict[str, int]:
        """Count the rides whose row in `drivers`, and in `users`, is missing."""

        def look(connection: sa.Connection) -> dict[str, int]:
            return {
                parent.name: _count(
                    connection,
                    sa.select(rides)
                    .where(rides.c[key].not_in(sa.select(parent.c[key])))
                    .subquery(),
                )
                for parent, key in ((drivers, "driver_uuid"), (users, "user_uuid"))
            }

        return self._database.read(look)


def _count(connection: sa.Connection, table: sa.FromClause) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its tables are made when it is first opened."""

    path: str = Field(
        description="The SQLite file, or postgresql://user:password@host/database.", repr=False
    )
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait for other processes that write."
    )

    @contextmanager
    def open(self, log: logging.Logger = _log) -> Iterator[RidesStore]:
        """Open the database, which has the newest schema then.

        Args:
            log: Is told when a file is opened anew, since it was deleted, moved or replaced.

        Raises:
            RidesDatabaseError: The database cannot be made, opened or migrated.
        """
        database = self._database(log)
        try:
            database.open()
            yield RidesStore(database)
        finally:
            database.close()

    def _database(self, log: logging.Logger) -> Database:
        # In a run Dagster has put the value in place of the variable; the service has no run.
        variable = self.path
        path = variable.get_value() or "" if isinstance(variable, dg.EnvVar) else variable
        if is_postgres(path):
            return PostgresServer(path, self.busy_timeout, migrate)
        return SqliteFile(Path(path).absolute(), self.busy_timeout, migrate, log)
