"""A Postgres server as the place of the rides."""

import logging

import sqlalchemy as sa

from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.rides.transactions import Database

_SCHEMES = ("postgresql://", "postgres://")


def is_postgres(address: str) -> bool:
    """Tell an address of Postgres from the path of a file."""
    return address.startswith(_SCHEMES)


class PostgresServer(Database):
    """A database of a Postgres server."""

    begin_to_read = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
    begin_to_write = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"

    def __init__(self, address: str, busy_timeout: float, log: logging.Logger) -> None:
        """Connect to nothing yet.

        Args:
            address: `postgresql://user:password@host/database`.
            busy_timeout: Seconds to wait for the server, and for others that write.
            log: As for any database.

        Raises:
            RidesDatabaseError: The address is not one, or there is no driver for it.
        """
        timeout = max(1, round(busy_timeout))
        try:
            # The one scheme that SQLAlchemy knows; the other is in use all the same.
            url = sa.make_url(f"postgresql+psycopg2://{address.partition('://')[2]}")
            engine = sa.create_engine(
                url,
                pool_pre_ping=True,
                connect_args={
                    "connect_timeout": timeout,
                    "options": f"-c lock_timeout={timeout * 1000}",
                },
            )
        except (sa.exc.ArgumentError, ValueError):
            raise RidesDatabaseError(
                "RIDES_DB is not an address of the form postgresql://user:password@host/database"
            ) from None
        except ModuleNotFoundError as error:
            raise RidesDatabaseError(
                f"RIDES_DB names a Postgres server, which needs the extra `deploy` ({error})"
            ) from error
        shown = url.set(drivername="postgresql").render_as_string(hide_password=True)
        super().__init__(shown, engine, log)
