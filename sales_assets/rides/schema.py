"""The tables of the rides database, and the databases that may have them.

A SQLite file has its version in `PRAGMA user_version`, a Postgres database in the table
`alembic_version`, where earlier versions of sales_assets put it. Nothing is written into the tables
here.
"""

import functools
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sales_assets.rides.errors import RidesDatabaseError

VERSION = 2
"""1 has no `driver_statistics`."""

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that every database orders by its bytes."""

_NUMBER: sa.Float[float] = sa.REAL().with_variant(sa.Double(), "postgresql")
"""A float of 64 bits."""

_COUNT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_metadata = sa.MetaData()


def _column(
    name: str, kind: Any = _TEXT, *constraints: sa.ForeignKey | sa.CheckConstraint, doc: str = ""
) -> sa.Column[Any]:
    return sa.Column(name, kind, *constraints, nullable=False, doc=doc)


drivers = sa.Table(
    "drivers",
    _metadata,
    sa.Column("driver_uuid", _TEXT, primary_key=True),
    _column("name"),
    _column("surname"),
    _column("car_uuid"),
    _column("effective_from"),
    sa.Column("expiry_date", _TEXT),
    sqlite_strict=True,
)
users = sa.Table(
    "users",
    _metadata,
    sa.Column("user_uuid", _TEXT, primary_key=True),
    _column("name"),
    _column("surname"),
    _column("is_driver", sa.Integer, sa.CheckConstraint("is_driver IN (0, 1)")),
    sqlite_strict=True,
)
rides = sa.Table(
    "rides",
    _metadata,
    sa.Column("ride_uuid", _TEXT, primary_key=True, doc="Key of the ride."),
    _column("user_uuid", _TEXT, sa.ForeignKey(users.c.user_uuid), doc="Who took the ride."),
    _column("driver_uuid", _TEXT, sa.ForeignKey(drivers.c.driver_uuid), doc="Who drove it."),
    _column("distance", _NUMBER, doc="Distance driven, in the unit of the API (unspecified)."),
    _column("price", _NUMBER, doc="Price paid, in the currency of the API (unspecified)."),
    sqlite_strict=True,
)
driver_statistics = sa.Table(
    "driver_statistics",
    _metadata,
    sa.Column("driver_uuid", _TEXT, primary_key=True, doc="Key of the driver."),
    _column("total_distance", _NUMBER, doc="Distance of all rides, in the unit of the API."),
    _column("rides", _COUNT, doc="Number of rides."),
    _column("total_price", _NUMBER, doc="Price of all rides, in the currency of the API."),
    _column("average_distance", _NUMBER, doc="Mean distance of a ride, in the unit of the API."),
    _column("updated_at", doc="When the figures last changed: UTC, YYYY-MM-DDThh:mm:ssZ."),
    sqlite_strict=True,
)
# Holds everything that the statistics need, in the order in which they need it.
_by_driver = sa.Index("rides_by_driver", rides.c.driver_uuid, rides.c.distance, rides.c.price)

_MAKING_TABLES = 0x72696465
"""The advisory lock, in Postgres, of those who create the tables."""

_ELSEWHERE = "set RIDES_DB to another database"


def columns_of(table: sa.Table) -> dg.TableSchema:
    """Describe the columns of a table to Dagster."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                column.name,
                column.type.python_type.__name__,
                column.doc,
                dg.TableColumnConstraints(nullable=False, unique=column.primary_key),
            )
            for column in table.c
        ]
    )


def make_tables(connection: sa.Connection) -> None:
    """Create the tables that a database lacks; if several processes try, one does it.

    In SQLite, the transaction of the connection must be the only one.

    Raises:
        RidesDatabaseError: The database is of a newer version, or of another program.
    """
    in_file = connection.dialect.name == "sqlite"
    if in_file:
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING_TABLES)))
        version = _version_of_server(connection)
    tables = set(sa.inspect(connection).get_table_names())
    if version > VERSION:
        raise RidesDatabaseError(
            f"its schema version is {version}, but this sales_assets supports only versions up to "
            f"{VERSION}: install a newer sales_assets, or {_ELSEWHERE}"
        )
    ours = set(_metadata.tables)
    expected = {0: set(), 1: ours - {driver_statistics.name}, VERSION: ours}.get(version)
    # A new file is empty; otherwise there may be other tables beside ours.
    found = tables if in_file and version == 0 else tables & ours
    if found != expected:
        raise RidesDatabaseError(
            f"its tables are not those of sales_assets (schema version {version}): restore it "
            f"from a backup, or {_ELSEWHERE}"
        )
    if version == VERSION:
        return
    _metadata.create_all(connection)
    if in_file:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        return
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) PRIMARY KEY);"
        "DELETE FROM alembic_version"
    )
    add = sa.text("INSERT INTO alembic_version VALUES (:version)")
    connection.execute(add, {"version": str(VERSION)})


@functools.cache
def upsert(table: sa.Table) -> sa.TextClause:
    """Insert a row, or replace the one with the same key; both databases share this SQL.

    SQLAlchemy would compile its own for every ride, which takes five times as long.
    """
    [key] = [column.name for column in table.primary_key]
    names = [column.name for column in table.c]
    values = ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    return sa.text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 - our names
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


def _version_of_server(connection: sa.Connection) -> int:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise RidesDatabaseError(
            f"its encoding is {encoding}, which cannot store all text: create one with "
            "`createdb --encoding=UTF8 --template=template0 rides`, and set RIDES_DB to it"
        )
    if not sa.inspect(connection).has_table("alembic_version"):
        return 0
    versions = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    if len(versions) == 1 and versions[0].isdecimal():
        return int(versions[0])
    raise RidesDatabaseError(
        f"its table alembic_version does not contain a version of the rides: {_ELSEWHERE}"
    )
