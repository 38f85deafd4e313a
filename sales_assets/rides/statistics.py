"""What each driver has driven: computed from the rides, and compared with what is then stored."""

import datetime
import itertools
import math
from array import array
from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import itemgetter
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from typing_extensions import TypedDict

from sales_assets.rides.schema import driver_statistics, drivers, rides, upsert

Row = dict[str, Any]

_ROWS_AT_A_TIME = 10_000


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


class Figures(NamedTuple):
    """What the rides of one driver add up to."""

    total_distance: float
    rides: int
    total_price: float
    average_distance: float


class Summary(NamedTuple):
    """The statistics in short, all of one moment.

    Attributes:
        totals: Drivers, rides, distance and price of all drivers together, rounded.
        longest: The ten drivers who drove farthest, with their names.
        disagreeing: Drivers whose stored statistics are not what their rides add up to.
    """

    totals: Row
    longest: list[Row]
    disagreeing: list[str]


_FIGURES = [driver_statistics.c[name] for name in Figures._fields]

_LONGEST = (
    sa.select(drivers.c.name, drivers.c.surname, driver_statistics.c.driver_uuid, *_FIGURES)
    .outerjoin_from(
        driver_statistics, drivers, drivers.c.driver_uuid == driver_statistics.c.driver_uuid
    )
    .order_by(driver_statistics.c.total_distance.desc(), driver_statistics.c.driver_uuid)
    .limit(10)
)


def compute(connection: sa.Connection) -> Summary:
    """Compute and store the statistics, and sum them up, in the transaction of a connection.

    A row whose figures stay the same is left alone.
    """
    if connection.dialect.name == "postgresql":
        # As in SQLite: of two that compute at once, the second waits, and sees the later rides.
        connection.execute(sa.text("LOCK TABLE driver_statistics IN SHARE ROW EXCLUSIVE MODE"))
    computed = dict(_add_up(connection))
    before = _stored(connection)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed = [
        {"driver_uuid": driver, **figures._asdict(), "updated_at": now}
        for driver, figures in computed.items()
        # SQLite has no way to store what is not a number.
        if figures != before.get(driver) and not any(map(math.isnan, figures))
    ]
    if changed:
        connection.execute(upsert(driver_statistics), changed)
    if gone := [{"gone": driver} for driver in before.keys() - computed.keys()]:
        key = driver_statistics.c.driver_uuid
        connection.execute(driver_statistics.delete().where(key == sa.bindparam("gone")), gone)
    after = _stored(connection)
    return Summary(
        {
            "drivers": len(after),
            "rides": sum(figures.rides for figures in after.values()),
            "distance": round(add([figures.total_distance for figures in after.values()]), 2),
            "price": round(add([figures.total_price for figures in after.values()]), 2),
        },
        fetch(connection, _LONGEST),
        [d for d in sorted(computed.keys() | after.keys()) if computed.get(d) != after.get(d)],
    )


def add(values: Sequence[float]) -> float:
    """Add floats up and round once: the same in any order, infinite beyond the largest float."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        # It gives up when a sum on the way is too large, and when two infinities have no sum.
        if infinite := [value for value in values if not math.isfinite(value)]:
            return sum(infinite)
    exact = sum(map(Fraction, values))
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def fetch(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    """Run a query, and return its rows by column."""
    return [dict(row) for row in connection.execute(query).mappings()]


def _add_up(connection: sa.Connection) -> Iterator[tuple[str, Figures]]:
    """Add up the rides of one driver after the other; memory holds those of one at a time."""
    query = sa.select(rides.c.driver_uuid, rides.c.distance, rides.c.price)
    rows = connection.execute(
        query.order_by(rides.c.driver_uuid), execution_options={"yield_per": _ROWS_AT_A_TIME}
    )
    for driver, his in itertools.groupby(rows, itemgetter(0)):
        distances, prices = array("d"), array("d")
        for _, distance, price in his:
            distances.append(distance)
            prices.append(price)
        total = add(distances)
        yield driver, Figures(total, len(distances), add(prices), total / len(distances))


def _stored(connection: sa.Connection) -> dict[str, Figures]:
    query = sa.select(driver_statistics.c.driver_uuid, *_FIGURES)
    return {driver: Figures(*figures) for driver, *figures in connection.execute(query)}
