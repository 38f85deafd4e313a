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


def compute(store: RidesStore) -> list[dict[str, Any]]:
    """Compute the statistics, and give them by driver."""
    with store.transaction():
        store.compute_statistics()
    return store.rows("SELECT * FROM driver_statistics ORDER BY driver_uuid")
