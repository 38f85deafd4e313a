"""What each driver has driven: how it is computed from the rides, and compared with them."""

import datetime
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects import postgresql, sqlite
from typing_extensions import TypedDict

from sales_assets.rides.schema import NUMBER, driver_statistics, drivers, rides

Row = dict[str, Any]

DIALECTS: dict[str, Any] = {"sqlite": sqlite, "postgresql": postgresql}
"""What SQLAlchemy has of each kind of database."""

_MOST = 1e300
"""Far beyond what any distance or price can be, and as far below what a float can be."""


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
    insert = (
        DIALECTS[dialect]
        .insert(driver_statistics)
        .from_select([column.name for column in driver_statistics.c], figures)
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


def compute(connection: sa.Connection) -> Summary:
    """Compute and store the statistics, and sum them up, in the transaction of a connection."""
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
    [totals] = fetch(
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
    disagreeing = list_disagreeing(connection)
    return Summary(
        _rounded(totals), [_rounded(row) for row in fetch(connection, longest)], disagreeing
    )


def list_disagreeing(connection: sa.Connection) -> list[str]:
    """List the drivers of whom rides, added up anew, and statistics do not say the same."""
    return list(connection.execute(_disagreeing(connection.dialect.name)).scalars())


def fetch(connection: sa.Connection, query: sa.Select[Any]) -> list[Row]:
    """Run a query, and give its rows by column."""
    return [dict(row) for row in connection.execute(query).mappings()]


def _rounded(row: Row) -> Row:
    return {
        name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()
    }
