"""A Postgres server as the place of the rides."""

import logging
import re

import sqlalchemy as sa

from sales_assets.rides.errors import RidesDatabaseError
from sales_assets.rides.transactions import Database

_MALFORMED = (
    "RIDES_DB is not an address of the form postgresql://user:password@host/database, with the "
    "password there and nowhere else, and with %40 for a `@` in it"
)
# Parameters of libpq that hold a password, or a whole address.
_SECRET = re.compile("pass(word|wd)|dsn|secret|token", re.IGNORECASE)


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
            raise RidesDatabaseError(_MALFORMED) from None
        except ModuleNotFoundError as error:
            raise RidesDatabaseError(
                f"RIDES_DB names a Postgres server, which needs the extra `deploy` ({error})"
            ) from error
        if "@" in f"{url.host}{url.database}" or any(map(_SECRET.search, url.query)):
            raise RidesDatabaseError(_MALFORMED)
        shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
        super().__init__(shown, engine, log)
