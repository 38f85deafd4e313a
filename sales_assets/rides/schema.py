"""The tables of the rides database, and how a file of an older version gets them.

`PRAGMA user_version` counts the migrations that a file has had; a new file has had none. A change
of the tables is one more migration at the end: those above it stay as they are. What is written
into the tables does not belong here.
"""

import sqlite3

from sales_assets.rides.errors import UnusableFileError

TABLES = {"drivers", "users", "rides", "driver_statistics"}

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    # 1: what the rides API answers.
    (
        """
        CREATE TABLE drivers (
            driver_uuid TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            surname TEXT NOT NULL,
            car_uuid TEXT NOT NULL,
            effective_from TEXT NOT NULL,
            expiry_date TEXT
        ) STRICT
        """,
        """
        CREATE TABLE users (
            user_uuid TEXT NOT NULL PRIMARY KEY,
            name TEXT NOT NULL,
            surname TEXT NOT NULL,
            is_driver INTEGER NOT NULL CHECK (is_driver IN (0, 1))
        ) STRICT
        """,
        """
        CREATE TABLE rides (
            ride_uuid TEXT NOT NULL PRIMARY KEY,
            user_uuid TEXT NOT NULL REFERENCES users (user_uuid),
            driver_uuid TEXT NOT NULL REFERENCES drivers (driver_uuid),
            distance REAL NOT NULL,
            price REAL NOT NULL
        ) STRICT
        """,
    ),
    # 2: what is computed from it.
    (
        """
        CREATE TABLE driver_statistics (
            driver_uuid TEXT NOT NULL PRIMARY KEY,
            total_distance REAL NOT NULL,
            rides INTEGER NOT NULL,
            total_price REAL NOT NULL,
            average_distance REAL NOT NULL,
            updated_at TEXT NOT NULL
        ) STRICT
        """,
        # Holds all that the sums need, and sets the order of the summands: a sum of floats depends
        # on it, and so does not depend on the order in which the rides came.
        "CREATE INDEX rides_by_driver ON rides (driver_uuid, distance, price)",
    ),
)

_STRICT_SINCE = (3, 37, 0)


class RidesSchemaError(UnusableFileError):
    """This SQLite or the tables of this file cannot be used."""


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


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a file to the newest version; of several processes that try, one does it.

    Args:
        connection: In autocommit mode (`isolation_level=None`).

    Raises:
        RidesSchemaError: The file is of a newer version, or of something else.
        sqlite3.Error: SQLite refuses.
    """
    if _version(connection) != len(MIGRATIONS):
        _migrate(connection)
    if missing := TABLES - _tables(connection):
        raise RidesSchemaError(
            f"it lacks the table {min(missing)}: restore it from a backup, or set RIDES_DB to "
            "another file"
        )


def _migrate(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Only now does no other process change it.
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise RidesSchemaError(
                f"its schema version is {version}, and this sales_assets knows versions up to "
                f"{len(MIGRATIONS)}: install a newer sales_assets, or set RIDES_DB to another file"
            )
        if version == 0 and _tables(connection):
            raise RidesSchemaError(
                "it holds tables that sales_assets has not made: set RIDES_DB to another file"
            )
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
