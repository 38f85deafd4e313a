"""The rides database as a Dagster resource: what is written into its tables and read from them.

Every method is one short transaction, so several processes can use one database. Where rides come
from, and what Dagster shows of them, does not matter here.
"""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from sales_assets.rides import statistics
from sales_assets.rides.ride import RideAnswer
from sales_assets.rides.schema import drivers, rides, upsert, users
from sales_assets.rides.transactions import Database, database_at

_log = logging.getLogger(__name__)

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
        """Write a ride with its driver and its user, replacing what was known of them, or nothing.

        Returns:
            Whether the ride is new.

        Raises:
            UnstorableRideError: The database cannot store these values.
        """
        ride = answer["ride"]
        user = {**answer["user"], "is_driver": int(answer["user"]["is_driver"])}

        def write(connection: sa.Connection) -> bool:
            connection.execute(upsert(drivers), answer["driver"])
            connection.execute(upsert(users), user)
            new = connection.execute(_KNOWN, {"ride_uuid": ride["ride_uuid"]}).first() is None
            connection.execute(upsert(rides), ride)
            return new

        return self._database.run(write)

    def compute_statistics(self) -> dict[str, float]:
        """Compute `driver_statistics` from the rides, in one transaction; return the totals."""
        return self._database.run(statistics.compute)

    def count_rides(self) -> int:
        """Count all rides."""
        return self._count(sa.true())

    def count_implausible_rides(self, longest: float) -> int:
        """Count the rides with a negative distance, or one over `longest`."""
        return self._count(~rides.c.distance.between(0, longest))

    def count_orphans(self) -> int:
        """Count the rides whose driver or user is missing."""
        return self._count(
            rides.c.driver_uuid.not_in(sa.select(drivers.c.driver_uuid))
            | rides.c.user_uuid.not_in(sa.select(users.c.user_uuid))
        )

    def _count(self, condition: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(rides).where(condition)
        return self._database.run(lambda connection: connection.execute(query).scalar_one())


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its tables are created when it is first opened."""

    path: str = Field(
        description="The SQLite file, or postgresql://user:password@host/database.", repr=False
    )
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait while other processes use it."
    )

    @contextmanager
    def open(self, log: logging.Logger = _log) -> Iterator[RidesStore]:
        """Open the database, and create the tables that it lacks.

        Args:
            log: Gets a warning when the file was deleted, moved or replaced.

        Raises:
            RidesDatabaseError: The database cannot be opened, or belongs to another program.
        """
        # In a run Dagster has replaced the variable with its value; the service has no run.
        variable = self.path
        path = variable.get_value() or "" if isinstance(variable, dg.EnvVar) else variable
        with closing(database_at(path.strip(), self.busy_timeout, log)) as database:
            database.run(lambda _: None)
            yield RidesStore(database)
