"""The rides database as a Dagster resource: all that is written into its tables and asked of them.

Every write is one short transaction, so that several processes can use one file; a reader sees the
file before a transaction or after it. `schema` makes its tables, `sqlite_file` opens and watches
it. Where rides come from, and what is said of them in Dagster, is not known here.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
from pydantic import Field
from typing_extensions import TypedDict

from sales_assets.rides.ride import Driver, Ride, RideAnswer, User
from sales_assets.rides.schema import migrate
from sales_assets.rides.sqlite_file import SqliteFile, fetch

Row = dict[str, Any]

_log = logging.getLogger(__name__)

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

_TOTALS = """
    SELECT COUNT(*) AS drivers, COALESCE(SUM(rides), 0) AS rides,
           ROUND(COALESCE(SUM(total_distance), 0.0), 2) AS distance,
           ROUND(COALESCE(SUM(total_price), 0.0), 2) AS price
    FROM driver_statistics
"""

_LONGEST = """
    SELECT name, surname, ROUND(total_distance, 2) AS total_distance, rides,
           ROUND(total_price, 2) AS total_price, ROUND(average_distance, 2) AS average_distance,
           driver_uuid
    FROM driver_statistics AS statistics LEFT JOIN drivers USING (driver_uuid)
    ORDER BY statistics.total_distance DESC, driver_uuid
    LIMIT 10
"""

_IMPLAUSIBLE = "FROM rides WHERE distance NOT BETWEEN 0 AND ?"


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


class RidesStore:
    """The open database; of one thread. Each of its methods may raise `RidesDatabaseError`.

    Attributes:
        path: The file.
    """

    def __init__(self, file: SqliteFile) -> None:
        """Use a file with the newest schema."""
        self.path = file.path
        self._file = file

    def store(self, answer: RideAnswer) -> bool:
        """Write a ride with its driver and its user, each in place of what was known of it.

        If it raises, nothing of the answer is written.

        Returns:
            Whether the ride is new.
        """
        ride = answer["ride"]

        def write(connection: sqlite3.Connection) -> bool:
            known = connection.execute(
                "SELECT 1 FROM rides WHERE ride_uuid = ?", (ride["ride_uuid"],)
            ).fetchone()
            connection.execute(_UPSERT_DRIVER, answer["driver"])
            connection.execute(_UPSERT_USER, answer["user"])
            connection.execute(_UPSERT_RIDE, ride)
            return known is None

        return self._file.write(write)

    def compute_statistics(self) -> Summary:
        """Make `driver_statistics` what the rides say, in one transaction, and sum it up there."""

        def compute(connection: sqlite3.Connection) -> Summary:
            connection.execute(_DELETE_GONE)
            connection.execute(COMPUTE_STATISTICS)
            [totals] = fetch(connection, _TOTALS)
            # Compared here: later there may be rides that are not summed up yet.
            disagreeing = [row["driver_uuid"] for row in fetch(connection, _DISAGREEING)]
            return Summary(totals, fetch(connection, _LONGEST), disagreeing)

        return self._file.write(compute)

    def disagreeing_drivers(self) -> list[str]:
        """List the drivers of whom rides, added up anew, and statistics do not say the same."""
        return [row["driver_uuid"] for row in self._file.read(_DISAGREEING)]

    def count_rides(self) -> int:
        """Count all rides."""
        [count] = self._file.read("SELECT COUNT(*) AS rides FROM rides")
        return int(count["rides"])

    def implausible_rides(self, longest: float) -> tuple[int, list[Row]]:
        """Count the rides of a negative distance, or one over `longest`, and give the first ten."""
        [count] = self._file.read(f"SELECT COUNT(*) AS rides {_IMPLAUSIBLE}", (longest,))
        first = self._file.read(f"SELECT * {_IMPLAUSIBLE} ORDER BY ride_uuid LIMIT 10", (longest,))
        return count["rides"], first

    def orphans(self) -> dict[str, int]:
        """Count the rides whose row in `drivers`, and in `users`, is missing."""
        parents = [row["parent"] for row in self._file.read("PRAGMA foreign_key_check(rides)")]
        return {table: parents.count(table) for table in ("drivers", "users")}


class RidesDatabase(dg.ConfigurableResource[Any]):
    """The database of rides, drivers and users; its file is made when it is first opened."""

    path: str = Field(description="The SQLite file.")
    busy_timeout: float = Field(
        default=30, ge=0, description="Seconds to wait for other processes that write."
    )

    @contextmanager
    def open(self, log: logging.Logger = _log) -> Iterator[RidesStore]:
        """Open the file, which has the newest schema then.

        Args:
            log: Is told when the file is opened anew, since it was deleted, moved or replaced.

        Raises:
            RidesDatabaseError: The file cannot be made, opened or migrated.
        """
        file = SqliteFile(Path(self.path).absolute(), self.busy_timeout, migrate, log)
        try:
            file.open()
            yield RidesStore(file)
        finally:
            file.close()
