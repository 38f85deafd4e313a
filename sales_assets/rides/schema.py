"""The tables of the rides database, and which databases get them.

A SQLite file says its version in `PRAGMA user_version`, a database of Postgres in the table
`alembic_version`, where earlier versions of sales_assets put it. What is written into the tables
does not belong here.
"""

import functools

import sqlalchemy as sa

from sales_assets.rides.errors import UnusableDatabaseError

VERSION = 2
"""1 has no `driver_statistics`."""

_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is ordered by its bytes, in every database."""

_NUMBER: sa.Float[float] = sa.REAL().with_variant(sa.Double(), "postgresql")
"""A float of 64 bits."""

_metadata = sa.MetaData()

drivers = sa.Table(
    "drivers",
    _metadata,
    sa.Column("driver_uuid", _TEXT, primary_key=True),
    sa.Column("name", _TEXT, nullable=False),
    sa.Column("surname", _TEXT, nullable=False),
    sa.Column("car_uuid", _TEXT, nullable=False),
    sa.Column("effective_from", _TEXT, nullable=False),
    sa.Column("expiry_date", _TEXT),
    sqlite_strict=True,
)
users = sa.Table(
    "users",
    _metadata,
    sa.Column("user_uuid", _TEXT, primary_key=True),
    sa.Column("name", _TEXT, nullable=False),
    sa.Column("surname", _TEXT, nullable=False),
    sa.Column("is_driver", sa.Integer, sa.CheckConstraint("is_driver IN (0, 1)"), nullable=False),
    sqlite_strict=True,
)
rides = sa.Table(
    "rides",
    _metadata,
    sa.Column("ride_uuid", _TEXT, primary_key=True),
    sa.Column("user_uuid", _TEXT, sa.ForeignKey(users.c.user_uuid), nullable=False),
    sa.Column("driver_uuid", _TEXT, sa.ForeignKey(drivers.c.driver_uuid), nullable=False),
    sa.Column("distance", _NUMBER, nullable=False),
    sa.Column("price", _NUMBER, nullable=False),
    sqlite_strict=True,
)
driver_statistics = sa.Table(
    "driver_statistics",
    _metadata,
    sa.Column("driver_uuid", _TEXT, primary_key=True),
    sa.Column("total_distance", _NUMBER, nullable=False),
    sa.Column("rides", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column("total_price", _NUMBER, nullable=False),
    sa.Column("average_distance", _NUMBER, nullable=False),
    sa.Column("updated_at", _TEXT, nullable=False),
    sqlite_strict=True,
)
# Holds all that the statistics are computed from, in the order in which they need it.
_by_driver = sa.Index("rides_by_driver", rides.c.driver_uuid, rides.c.distance, rides.c.price)

_version_of_postgres = sa.Table(
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
)

_MAKING_TABLES = 0x72696465
"""The advisory lock, in Postgres, of those who make the tables."""

_ELSEWHERE = "set RIDES_DB to another database"


def is_current(connection: sa.Connection) -> bool:
    """Tell whether a database has the tables of this version; if not, `make_tables` makes them.

    Raises:
        UnusableDatabaseError: It is of a newer version, or of another program.
    """
    tables = set(sa.inspect(connection).get_table_names())
    version = _version(connection, tables)
    if version > VERSION:
        raise UnusableDatabaseError(
            f"its schema version is {version}, and this sales_assets knows versions up to "
            f"{VERSION}: install a newer sales_assets, or {_ELSEWHERE}"
        )
    ours = set(_metadata.tables)
    # A file is ours alone; a database may hold tables of others beside ours.
    taken = tables if connection.dialect.name == "sqlite" else tables & ours
    if version == 0 and taken:
        raise UnusableDatabaseError(f"it holds tables that sales_assets has not made: {_ELSEWHERE}")
    expected = (set(), ours - {driver_statistics.name}, ours)[version]
    if missing := expected - tables:
        raise UnusableDatabaseError(
            f"it lacks the table {min(missing)}: restore it from a backup, or {_ELSEWHERE}"
        )
    return version == VERSION


def make_tables(connection: sa.Connection) -> None:
    """Make the tables that a database lacks; of several processes that try, one does it.

    Args:
        connection: In a transaction that may write; in SQLite no other one can.

    Raises:
        UnusableDatabaseError: As for `is_current`.
    """
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING_TABLES)))
    if is_current(connection):
        return
    _metadata.create_all(connection)
    if sqlite:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    else:
        _version_of_postgres.create(connection, checkfirst=True)
        connection.execute(_version_of_postgres.delete())
        connection.execute(_version_of_postgres.insert(), {"version_num": str(VERSION)})


@functools.cache
def upsert(table: sa.Table) -> sa.TextClause:
    """Insert a row, or replace the one with the same key; both databases say it in the same words.

    Made once for each table: SQLAlchemy would compile its own at every ride, five times as slowly.
    """
    [key] = [column.name for column in table.primary_key]
    names = [column.name for column in table.c]
    values = ", ".join(f":{name}" for name in names)
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
    return sa.text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 - our names
        f"ON CONFLICT ({key}) DO UPDATE SET {changes}"
    )


def _version(connection: sa.Connection, tables: set[str]) -> int:
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise UnusableDatabaseError(
            f"its encoding is {encoding}, which cannot hold every text: make one with "
            "`createdb --encoding=UTF8 --template=template0 rides`, and set RIDES_DB to it"
        )
    if {"event_logs", "asset_keys"} <= tables and rides.name not in tables:
        raise UnusableDatabaseError(
            "it is Dagster's own database: make one for the rides with `createdb rides`, and set "
            "RIDES_DB to it"
        )
    if _version_of_postgres.name not in tables:
        return 0
    versions = [*connection.execute(sa.select(_version_of_postgres)).scalars()]
    if len(versions) == 1 and versions[0].isdecimal():
        return int(versions[0])
    found = f"says {', '.join(versions)}" if versions else "is empty"
    raise UnusableDatabaseError(
        f"its table alembic_version {found}, which is no version of the rides: {_ELSEWHERE}"
    )
