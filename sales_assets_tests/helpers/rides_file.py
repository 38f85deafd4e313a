"""A file of rides as any other program sees it, and its statistics as a run computes them."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sales_assets.rides.database import RidesStore

BY_HAND = """
    SELECT driver_uuid, SUM(distance) AS total_distance, COUNT(*) AS rides,
           SUM(price) AS total_price
    FROM rides GROUP BY driver_uuid ORDER BY driver_uuid
"""
STATISTICS = """
    SELECT driver_uuid, total_distance, rides, total_price
    FROM driver_statistics ORDER BY driver_uuid
"""


def sql(path: Path, *statements: str) -> list[Any]:
    """Use the file as any other program would; give the rows of the last statement."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        return rows


def rows(path: Path, query: str) -> list[dict[str, Any]]:
    """Give the rows of a query by column."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def stored(path: Path) -> set[str]:
    """Give the ids of the rides in the file."""
    return {ride for (ride,) in sql(path, "SELECT ride_uuid FROM rides")}


def compute(store: RidesStore) -> list[dict[str, Any]]:
    """Compute the statistics, and give them by driver."""
    store.compute_statistics()
    return rows(store.path, "SELECT * FROM driver_statistics ORDER BY driver_uuid")
