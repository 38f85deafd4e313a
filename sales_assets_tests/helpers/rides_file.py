"""A database of rides as any other program sees it, and its statistics as a run computes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sales_assets.rides.database import RidesDatabase

STATISTICS = """
    SELECT driver_uuid, total_distance, rides, total_price
    FROM driver_statistics ORDER BY driver_uuid
"""


_OLD = """
    CREATE TABLE drivers (
        driver_uuid TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, surname TEXT NOT NULL,
        car_uuid TEXT NOT NULL, effective_from TEXT NOT NULL, expiry_date TEXT
    ) STRICT;
    CREATE TABLE users (
        user_uuid TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, surname TEXT NOT NULL,
        is_driver INTEGER NOT NULL CHECK (is_driver IN (0, 1))
    ) STRICT;
    CREATE TABLE rides (
        ride_uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users (user_uuid),
        driver_uuid TEXT NOT NULL REFERENCES drivers (driver_uuid),
        distance REAL NOT NULL, price REAL NOT NULL
    ) STRICT;
    CREATE TABLE driver_statistics (
        driver_uuid TEXT NOT NULL PRIMARY KEY, total_distance REAL NOT NULL, rides INTEGER NOT NULL,
        total_price REAL NOT NULL, average_distance REAL NOT NULL, updated_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX rides_by_driver ON rides (driver_uuid, distance, price)
"""
OLD_TABLES = {1: _OLD.split(";")[:3], 2: _OLD.split(";")}
"""The statements that made the tables of each version, before there was alembic."""


@contextmanager
def connected(place: Path | str) -> Iterator[sa.Connection]:
    """Use a file, or a server, as any other program would; each statement by itself."""
    server = str(place).startswith("postgresql")
    engine = sa.create_engine(
        str(place).replace("postgresql", "postgresql+psycopg2") if server else f"sqlite:///{place}",
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with engine.connect() as connection:
        yield connection


def sql(place: Path | str, *statements: str) -> list[Any]:
    """Run statements; give the rows of the last one."""
    rows: list[Any] = []
    with connected(place) as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


def by_hand(place: Path | str) -> list[Any]:
    """Add the rides up exactly, as fractions; a list in the order of `STATISTICS`."""
    found: dict[str, list[Any]] = {}
    for driver, distance, price in sql(place, "SELECT driver_uuid, distance, price FROM rides"):
        sums = found.setdefault(driver, [Fraction(), 0, Fraction()])
        sums[0] += Fraction(distance)
        sums[1] += 1
        sums[2] += Fraction(price)
    return [(driver, float(d), count, float(p)) for driver, (d, count, p) in sorted(found.items())]


def stored(place: Path | str) -> set[str]:
    """Give the ids of the rides."""
    return {ride for (ride,) in sql(place, "SELECT ride_uuid FROM rides")}


def compute(place: Path | str) -> list[dict[str, Any]]:
    """Compute the statistics, and give them by driver."""
    with RidesDatabase(path=str(place)).open() as store:
        store.compute_statistics()
    with connected(place) as connection:
        query = "SELECT * FROM driver_statistics ORDER BY driver_uuid"
        return [dict(row) for row in connection.exec_driver_sql(query).mappings()]
