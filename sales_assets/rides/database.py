"""The rides database as a Dagster resource: its transactions, and what they write and read.

Every method is one short transaction, so several processes can use one database. Before and after
each, the open database is compared with what is at its address: if a file was deleted, moved or
replaced, SQLite would go on with the old one, and what is written from then on would be lost.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import dagster as dg
import sqlalchemy as sa
from pydantic import Field

from sales_assets.rides import statistics
from sales_assets.rides.errors import RidesDatabaseError, explained
from sales_assets.rides.place import Place, SqliteFile, place_of
from sales_assets.rides.ride import RideAnswer
from sales_assets.rides.schema import drivers, make_tables, rides, upsert, users

Result = TypeVar("Result")

_MOST_TRIES = 10
_KNOWN = sa.select(rides.c.ride_uuid).where(rides.c.ride_uuid == sa.bindparam("ride_uuid"))


class RidesStore:
    """The open database; of one thread. Each of its methods may raise `RidesDatabaseError`."""

    def __init__(self, place: Place) -> None:
        self.address = place.address
        self._place = place
        self._opened: object = None

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Write everything that `work` does, or nothing, and return what it returns.

        `work` is called again if the file was replaced before everything was written.
        """
        with explained(self.address), self._place.turn():
            for _ in range(_MOST_TRIES):
                there = self._place.identify()
                try:
                    if self._opened != there:
                        self._reopen()
                        # The open connection keeps this file's number from being reused.
                        self._opened = there
                    result = self._transact(work)
                except sa.exc.DBAPIError:
                    if self._place.identify() == there:
                        raise
                else:
                    if self._place.identify() == there:
                        return result
            raise RidesDatabaseError("it keeps being replaced: leave it where it is")

    def close(self) -> None:
        """Close the database, if it is open."""
        self._place.engine.dispose()
        self._opened = None

    def store(self, answer: RideAnswer) -> bool:
        """Write a ride with its driver and its user, or nothing; return whether the ride is new.

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

        return self.run(write)

    def compute_statistics(self) -> dict[str, float]:
        """Compute `driver_statistics` from the rides, in one transaction; return the totals."""
        return self.run(statistics.compute)

    def count(self, *conditions: sa.ColumnElement[bool]) -> int:
        """Count the rides for which all these conditions hold."""
        query = sa.select(sa.func.count()).select_from(rides).where(*conditions)
        return self.run(lambda connection: connection.execute(query).scalar_one())

    def _reopen(self) -> None:
        if self._opened:
            dg.get_dagster_logger(__name__).warning(
                "the rides database %s was deleted, moved or replaced: opening what is there now",
                self.address,
            )
        self.close()
        self._transact(make_tables)
        if isinstance(self._place, SqliteFile):
            with self._place.engine.connect() as connection:
                # Files of earlier versions have a write-ahead log.
                connection.exec_driver_sql("PRAGMA journal_mode = DELETE")

    def _transact(self, work: Callable[[sa.Connection], Result]) -> Result:
        with self._place.engine.begin() as connection:
            for statement in self._place.begin:
                connection.exec_driver_sql(statement)
            return work(connection)


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its tables are created when it is first opened."""

    path: str = Field(
        description="The SQLite file, or postgresql://user:password@host/database.", repr=False
    )
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait while other processes use it."
    )

    @contextmanager
    def open(self) -> Iterator[RidesStore]:
        """Open the database, and create the tables that it lacks.

        Raises:
            RidesDatabaseError: The database cannot be opened, or belongs to another program.
        """
        # In a run Dagster has replaced the variable with its value; the service has no run.
        variable = self.path
        path = variable.get_value() or "" if isinstance(variable, dg.EnvVar) else variable
        with closing(RidesStore(place_of(path.strip(), self.busy_timeout))) as store:
            store.run(lambda _: None)
            yield store
