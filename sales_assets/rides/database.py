"""The rides database as a Dagster resource: all that is written into its tables and asked of them.

Every write is one short transaction, so that several processes can use one file; a reader sees the
file before a transaction or after it. `schema` makes its tables, `sqlite_file` opens and watches
it. Where rides come from, and what is said of them in Dagster, is not known here.
"""

import datetime
import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar

import dagster as dg
import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects import postgresql, sqlite
from typing_extensions import TypedDict

from sales_assets.rides.postgres_server import PostgresServer, is_postgres
from sales_assets.rides.ride import RideAnswer
from sales_assets.rides.schema import (
    NUMBER,
    driver_statistics,
    drivers,
    migrate,
    rides,
    users,
)
from sales_assets.rides.sqlite_file import SqliteFile

Result = TypeVar("Result")

Row = dict[str, Any]

_log = logging.getLogger(__name__)

_DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}

_MOST = 1e300
"""Far beyond what any distance or price can be, and as far below what a float can be."""


_KNOWN = sa.select(rides.c.ride_uuid).where(rides.c.ride_uuid == sa.bindparam("ride_uuid"))


def compute_statement(dialect: str) -> sa.Insert:
    """Compute the statistics of all drivers; a row whose figures stay the same is left alone."""
    source = _rides_in_order(dialect)
    figures = sa.select(
        source.c.driver_uuid,
        *_sums_of(source),
        sa.func.sum(source.c.distance) / sa.func.count(),
        sa.bindparam("now", type_=sa.Text),
    ).group_by(source.c.driver_uuid)
    if dialect == "sqlite":
        # Else SQLite takes ON CONFLICT for a condition of a join.
        figures = figures.where(sa.true())
    insert = _insert(dialect, driver_statistics).from_select(
        [column.name for column in driver_statistics.c], figures
    )
    changes = [column for column in driver_statistics.c if not column.primary_key]
    upsert: sa.Insert = insert.on_conflict_do_update(
        index_elements=[driver_statistics.c.driver_uuid],
        set_={column.name: insert.excluded[column.name] for column in changes},
        where=sa.or_(
            *(
                column != insert.excluded[column.name]
                for column in changes
                if column.name != "updated_at"
            )
        ),
    )
    return upsert


def _disagreeing(dialect: str) -> sa.CompoundSelect[Any]:
    statistics = driver_statistics
    source = _rides_in_order(dialect)
    sums = sa.select(source.c.driver_uuid, *_sums_of(source)).group_by(source.c.driver_uuid)
    anew = sums.subquery("anew")
    differ = [
        anew.c[name] != statistics.c[name] for name in ("total_distance", "rides", "total_price")
    ]
    known = sa.select(statistics.c.driver_uuid)
    return sa.union_all(
        sa.select(statistics.c.driver_uuid)
        .outerjoin_from(statistics, anew, anew.c.driver_uuid == statistics.c.driver_uuid)
        .where(sa.or_(anew.c.driver_uuid.is_(None), *differ)),
        sa.select(rides.c.driver_uuid).distinct().where(rides.c.driver_uuid.not_in(known)),
    )


def _rides_in_order(dialect: str) -> sa.FromClause:
    """Give the rides in the order in which they are summed up, on which a sum of floats depends.

    SQLite takes it from the index that holds all of it.
    """
    if dialect == "sqlite":
        return rides
    # Sums that overflow are errors to Postgres, which would leave all drivers without statistics.
    summands = [
        sa.case(
            (column > _MOST, sa.cast("Infinity", NUMBER)),
            (column < -_MOST, sa.cast("-Infinity", NUMBER)),
            else_=column,
        ).label(column.name)
        for column in (rides.c.distance, rides.c.price)
    ]
    order = (rides.c.driver_uuid, rides.c.distance, rides.c.price)
    return sa.select(rides.c.driver_uuid, *summands).order_by(*order).subquery()


def _sums_of(source: sa.FromClause) -> list[sa.Label[Any]]:
    return [
        sa.func.sum(source.c.distance).label("total_distance"),
        sa.func.count().label("rides"),
        sa.func.sum(source.c.price).label("total_price"),
    ]


def _insert(dialect: str, table: sa.Table) -> Any:
    return _DIALECTS[dialect].insert(table)


@functools.cache
def _upsert(dialect: str, table: sa.Table) -> sa.TextClause:
    """Insert a row, or replace the one with the same key."""
    insert = _insert(dialect, table)
    others = [column.name for column in table.c if not column.primary_key]
    upsert = insert.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: insert.excluded[name] for name in others},
    )
    # Made once: SQLAlchemy would compile it again at each ride, which takes five times as long.
    return sa.text(str(upsert.compile(dialect=_DIALECTS[dialect].dialect(paramstyle="named"))))


class DriverStatistics(TypedDict):
    """What one driver has driven over all time: a row of `driver_statistics`."""

    driver_uuid: Annotated[str, Field(description="Key of the driver.")]
    total_distance: Annotated[
        float, Field(description="Distance of all rides together, in the unit of the API.")
    ]
    rides: Annotated[int, Field(description="Number of rides.")]
    total_price: Annotated[
        float, Field(description="Price of all rides together, in the currency of the API.")
    ]
    average_distance: Annotated[
        float, Field(description="Mean distance of a ride, in the unit of the API.")
    ]
    updated_at: Annotated[
        str, Field(description="When the figures last changed: UTC, YYYY-MM-DDThh:mm:ssZ.")
    ]


class Summary(NamedTuple):
    """The statistics in short, all of one moment.

    Attributes:
        totals: Drivers, rides, distance and price of all drivers together, rounded.
        longest: The ten drivers who drove farthest, with their names, rounded.
        disagreeing: Drivers of whom rides, added up anew, and statistics do not say the same.
    """

    totals: Row
    longest: list[Row]
    disagreeing: list[str]


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
        return self._database.write(_compute)

    def disagreeing_drivers(self) -> list[str]:
        """List the drivers of whom rides, added up anew, and statistics do not say the same."""
        return self._database.read(_list_disagreeing)

    def count_rides(self) -> int:
        """Count all rides."""
        return self._database.read(lambda connection: _count(connection, rides))

    def implausible_rides(self, longest: float) -> tuple[int, list[Row]]:
        """Count the rides of a negative distance, or one over `longest`, and give the first ten."""
        found = sa.select(rides).where(~rides.c.distance.between(0, longest))

        def look(connection: sa.Connection) -> tuple[int, list[Row]]:
            first = found.order_by(rides.c.ride_uuid).limit(10)
            return _count(connection, found.subquery()), _rows(connection, first)

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


def _compute(connection: sa.Connection) -> Summary:
    statistics, dialect = driver_statistics, connection.dialect.name
    if dialect == "postgresql":
        # What SQLite does by itself: others wait to write, and rows are summed up in their order.
        connection.exec_driver_sql(
            "LOCK TABLE driver_statistics, rides IN SHARE ROW EXCLUSIVE MODE"
        )
        connection.exec_driver_sql("SET LOCAL enable_hashagg = off")
        connection.exec_driver_sql("SET LOCAL max_parallel_workers_per_gather = 0")
    there = sa.select(rides.c.driver_uuid).where(rides.c.driver_uuid == statistics.c.driver_uuid)
    connection.execute(statistics.delete().where(~there.exists()))
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    connection.execute(compute_statement(dialect), {"now": now})
    [totals] = _rows(
        connection,
        sa.select(
            sa.func.count().label("drivers"),
            sa.cast(sa.func.coalesce(sa.func.sum(statistics.c.rides), 0), sa.BigInteger).label(
                "rides"
            ),
            sa.func.coalesce(sa.func.sum(statistics.c.total_distance), 0.0).label("distance"),
            sa.func.coalesce(sa.func.sum(statistics.c.total_price), 0.0).label("price"),
        ),
    )
    figures = [column for column in statistics.c if column.name != "updated_at"]
    longest = (
        sa.select(drivers.c.name, drivers.c.surname, *figures)
        .outerjoin_from(statistics, drivers, drivers.c.driver_uuid == statistics.c.driver_uuid)
        .order_by(statistics.c.total_distance.desc(), statistics.c.driver_uuid)
        .limit(10)
    )
    # Compared here: later there may be rides that are not summed up yet.
    disagreeing = _list_disagreeing(connection)
    return Summary(
        _rounded(totals), [_rounded(row) for row in _rows(connection, longest)], disagreeing
    )


def _list_disagreeing(connection: sa.Connection) -> list[str]:
    return list(connection.execute(_disagreeing(connection.dialect.name)).scalars())


def _count(connection: sa.Connection, table: sa.FromClause) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _rounded(row: Row) -> Row:
    return {
        name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()
    }


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
