"""The tables of the rides database, and how a database of an older version gets them.

A change of the tables is one more file in `migrations` (alembic): those before it stay as they are.
In a SQLite file, `PRAGMA user_version` counts them too, as it did before there was alembic. What is
written into the tables does not belong here.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION

from sales_assets.rides.errors import UnusableFileError

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text that is ordered by its bytes, in every database."""

NUMBER: sa.Float[float] = sa.REAL().with_variant(DOUBLE_PRECISION(), "postgresql")
"""A float of 64 bits."""

_metadata = sa.MetaData()

_MIGRATIONS = str(Path(__file__).parent / "migrations")

drivers = sa.Table(
    "drivers",
    _metadata,
    sa.Column("driver_uuid", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("surname", TEXT, nullable=False),
    sa.Column("car_uuid", TEXT, nullable=False),
    sa.Column("effective_from", TEXT, nullable=False),
    sa.Column("expiry_date", TEXT),
)
users = sa.Table(
    "users",
    _metadata,
    sa.Column("user_uuid", TEXT, primary_key=True),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("surname", TEXT, nullable=False),
    sa.Column("is_driver", sa.Integer, nullable=False),
)
rides = sa.Table(
    "rides",
    _metadata,
    sa.Column("ride_uuid", TEXT, primary_key=True),
    sa.Column("user_uuid", TEXT, nullable=False),
    sa.Column("driver_uuid", TEXT, nullable=False),
    sa.Column("distance", NUMBER, nullable=False),
    sa.Column("price", NUMBER, nullable=False),
)
driver_statistics = sa.Table(
    "driver_statistics",
    _metadata,
    sa.Column("driver_uuid", TEXT, primary_key=True),
    sa.Column("total_distance", NUMBER, nullable=False),
    sa.Column("rides", sa.BigInteger, nullable=False),
    sa.Column("total_price", NUMBER, nullable=False),
    sa.Column("average_distance", NUMBER, nullable=False),
    sa.Column("updated_at", TEXT, nullable=False),
)

VERSIONS = ("1", "2")
"""The revisions in `migrations`, in their order."""

_STRICT_SINCE = (3, 37, 0)


class RidesSchemaError(UnusableFileError):
    """This SQLite or the tables of this database cannot be used."""


def require_sqlite(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """Make sure that SQLite knows STRICT tables.

    Raises:
        RidesSchemaError: It is too old.
    """
    if version < _STRICT_SINCE:
        raise RidesSchemaError(
            f"Python uses SQLite {'.'.join(map(str, version))}, and STRICT tables need 3.37 or "
            "newer: use a Python that was built with a newer SQLite"
        )


def migrate(connection: sa.Connection, lock: Callable[[], None]) -> None:
    """Bring a database to the newest version; of several processes that try, one does it.

    Args:
        connection: In a transaction that has not begun to write.
        lock: Makes sure that no other process migrates until the end of the transaction.

    Raises:
        RidesSchemaError: The database is of a newer version, or of something else.
    """
    if _version(connection) < len(VERSIONS):
        lock()
        version = _version(connection)
        if version < len(VERSIONS):
            _migrate(connection, version)
    if missing := set(_metadata.tables) - _tables(connection):
        raise RidesSchemaError(
            f"it lacks the table {min(missing)}: restore it from a backup, or set RIDES_DB to "
            "another database"
        )


def _migrate(connection: sa.Connection, version: int) -> None:
    script = ScriptDirectory(_MIGRATIONS, version_locations=[_MIGRATIONS])
    with EnvironmentContext(Config(), script) as environment:
        environment.configure(
            connection=connection, fn=lambda known, _: script._upgrade_revs("heads", known)
        )
        if version and "alembic_version" not in _tables(connection):
            environment.get_context().stamp(script, VERSIONS[version - 1])
        environment.run_migrations()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA user_version = {len(VERSIONS)}")


def _version(connection: sa.Connection) -> int:
    """Count the migrations that a database has had."""
    tables = _tables(connection)
    version = 0
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    elif "alembic_version" in tables:
        version = int(
            connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        )
    if version > len(VERSIONS):
        raise RidesSchemaError(
            f"its schema version is {version}, and this sales_assets knows versions up to "
            f"{len(VERSIONS)}: install a newer sales_assets, or set RIDES_DB to another database"
        )
    # A file is ours alone; a server's database may have other tables beside ours.
    others = tables if connection.dialect.name == "sqlite" else tables & set(_metadata.tables)
    if version == 0 and others:
        raise RidesSchemaError(
            "it holds tables that sales_assets has not made: set RIDES_DB to another database"
        )
    return version


def _tables(connection: sa.Connection) -> set[str]:
    return set(sa.inspect(connection).get_table_names())
