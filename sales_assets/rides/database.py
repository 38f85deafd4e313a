"""The rides database as a Dagster resource: what is written into its tables and read from them.

Every write is one short transaction, so that several processes can use one database; a reader sees
it before a transaction or after it. `schema` makes the tables and `statistics` sums rides up;
a transaction is the business of `transactions`. Where rides come from, and what
is said of them in Dagster, is not known here.
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from sales_assets.http.address import InvalidAddressError, path_or_scheme
from sales_assets.rides import statistics
from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.rides.postgres_server import PostgresServer
from sales_assets.rides.ride import RideAnswer
from sales_assets.rides.schema import drivers, rides, upsert, users
from sales_assets.rides.sqlite_file import SqliteFile
from sales_assets.rides.statistics import Row, Summary, fetch
from sales_assets.rides.transactions import Database

_log = logging.getLogger(__name__)

_EXPECTED = (
    "the path of a SQLite file without a scheme (./a:b for a name with a colon), or an address of "
    "the form postgresql://user:password@host/database"
)
_KNOWN = sa.select(rides.c.ride_uuid).where(rides.c.ride_uuid == sa.bindparam("ride_uuid"))


class RidesStore:
    """The open database; of one thread. Each of its methods may raise `RidesDatabaseError`.

    Attributes:
        address: What names the database: the path of the file, or the address of the server.
    """

    def __init__(self, database: Database) -> None:
        self.address = database.address
        self._database = database

    def store(self, answer: RideAnswer) -> bool:
        """Write a ride with its driver and its user, each in place of what was known of it.

        If it raises, nothing of the answer is written.

        Returns:
            Whether the ride is new.

        Raises:
            UnstorableRideError: The database cannot hold these values.
        """
        ride = answer["ride"]
        user = {**answer["user"], "is_driver": int(answer["user"]["is_driver"])}

        def write(connection: sa.Connection) -> bool:
            connection.execute(upsert(drivers), answer["driver"])
            connection.execute(upsert(users), user)
            new = connection.execute(_KNOWN, {"ride_uuid": ride["ride_uuid"]}).first() is None
            connection.execute(upsert(rides), ride)
            return new

        return self._database.write(write)

    def compute_statistics(self) -> Summary:
        """Make `driver_statistics` what the rides say, in one transaction, and sum it up there."""
        return self._database.write(statistics.compute)

    def count_rides(self) -> int:
        """Count all rides."""
        return self._database.read(lambda connection: _count(connection, rides))

    def implausible_rides(self, longest: float) -> tuple[int, list[Row]]:
        """Count the rides of a negative distance, or one over `longest`; return the first ten."""
        found = sa.select(rides).where(~rides.c.distance.between(0, longest))

        def look(connection: sa.Connection) -> tuple[int, list[Row]]:
            first = found.order_by(rides.c.ride_uuid).limit(10)
            return _count(connection, found.subquery()), fetch(connection, first)

        return self._database.read(look)

    def count_orphans(self) -> int:
        """Count the rides whose driver or user is missing."""
        found = sa.select(rides).where(
            rides.c.driver_uuid.not_in(sa.select(drivers.c.driver_uuid))
            | rides.c.user_uuid.not_in(sa.select(users.c.user_uuid))
        )
        return self._database.read(lambda connection: _count(connection, found.subquery()))


def _count(connection: sa.Connection, table: sa.FromClause) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its tables are made when it is first opened."""

    path: str = Field(
        description="The SQLite file, or postgresql://user:password@host/database.", repr=False
    )
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait for other processes that use it."
    )

    @contextmanager
    def open(self, log: logging.Logger = _log) -> Iterator[RidesStore]:
        """Open the database, and make the tables that it lacks.

        Args:
            log: Gets a warning when the file was deleted, moved or replaced.

        Raises:
            RidesDatabaseError: The database cannot be made or opened, or is of something else.
        """
        # In a run Dagster has put the value in place of the variable; the service has no run.
        variable = self.path
        path = variable.get_value() or "" if isinstance(variable, dg.EnvVar) else variable
        try:
            database = self._database(path.strip(), log)
        except InvalidAddressError as error:
            raise RidesDatabaseError(str(error)) from None
        with closing(database):
            database.read(lambda _: None)
            yield RidesStore(database)

    def _database(self, place: str, log: logging.Logger) -> Database:
        scheme = path_or_scheme(place, "RIDES_DB", _EXPECTED)
        if isinstance(scheme, Path):
            return SqliteFile(scheme, self.busy_timeout, log)
        # Whatever driver it names, ours is used.
        if scheme.partition("+")[0] not in ("postgres", "postgresql"):
            raise InvalidAddressError("RIDES_DB", None, _EXPECTED)
        return PostgresServer(place, self.busy_timeout, log)
