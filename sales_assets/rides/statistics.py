"""The totals of each driver, computed from the rides."""

import datetime
import itertools
import math
from array import array
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import sqlalchemy as sa

from sales_assets.rides.schema import driver_statistics, rides, upsert

_ROWS_AT_A_TIME = 10_000


class Figures(NamedTuple):
    """The totals of one driver."""

    driver_uuid: str
    total_distance: float
    rides: int
    total_price: float
    average_distance: float


def compute(connection: sa.Connection) -> dict[str, float]:
    """Compute and store the statistics in the transaction of a connection; return their totals.

    A row whose figures stay the same is not touched. A driver whose rides have no sum (they have
    infinities, which only another program can have stored) gets no row.
    """
    if connection.dialect.name == "postgresql":
        # As in SQLite: if two compute at once, the second one waits, and sees the later rides.
        connection.execute(sa.text("LOCK TABLE driver_statistics IN SHARE ROW EXCLUSIVE MODE"))
    query = sa.select(*(driver_statistics.c[name] for name in Figures._fields))
    before = {Figures(*row) for row in connection.execute(query)}
    after = {found for found in _add_up(connection) if not any(map(math.isnan, found[1:]))}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if changed := [{**figures._asdict(), "updated_at": now} for figures in after - before]:
        connection.execute(upsert(driver_statistics), changed)
    if gone := {row.driver_uuid for row in before} - {row.driver_uuid for row in after}:
        is_gone = driver_statistics.c.driver_uuid == sa.bindparam("gone")
        connection.execute(
            driver_statistics.delete().where(is_gone), [{"gone": driver} for driver in gone]
        )
    return {
        "drivers": len(after),
        "rides": sum(figures.rides for figures in after),
        "distance": round(_add([figures.total_distance for figures in after]), 2),
        "price": round(_add([figures.total_price for figures in after]), 2),
    }


def _add_up(connection: sa.Connection) -> Iterator[Figures]:
    """Add up the rides driver by driver; memory holds those of one at a time."""
    columns = (rides.c.driver_uuid, rides.c.distance, rides.c.price)
    # In the order of the index. Only a sum that overflows depends on it.
    query = sa.select(*columns).order_by(*columns)
    rows = connection.execute(query, execution_options={"yield_per": _ROWS_AT_A_TIME})
    for driver, theirs in itertools.groupby(rows, itemgetter(0)):
        distances, prices = array("d"), array("d")
        for _, distance, price in theirs:
            distances.append(distance)
            prices.append(price)
        total = _add(distances)
        yield Figures(driver, total, len(distances), _add(prices), total / len(distances))


def _add(values: Sequence[float]) -> float:
    """Add floats and round once; infinite if a sum on the way is beyond the largest float."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return sum(values)
