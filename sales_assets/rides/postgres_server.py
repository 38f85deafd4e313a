"""A Postgres server as the place of the rides; what is written is not known here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import sqlalchemy as sa

from sales_assets.rides.errors import (
    RidesDatabaseBusyError,
    RidesDatabaseError,
    UnstorableRideError,
    UnusableFileError,
)

Result = TypeVar("Result")

_SCHEMES = ("postgresql://", "postgres://")
_MIGRATING = 0x72696465
"""The advisory lock of those who make the tables."""


def is_postgres(address: str) -> bool:
    """Tell an address of Postgres from the path of a file."""
    return address.startswith(_SCHEMES)


class PostgresServer:
    """A database of a Postgres server; of one thread.

    Attributes:
        address: Where it is, without its password.
    """

    def __init__(
        self,
        address: str,
        busy_timeout: float,
        prepare: Callable[[sa.Connection, Callable[[], None]], None],
    ) -> None:
        """Connect to nothing yet.

        Args:
            address: `postgresql://user:password@host/database`.
            busy_timeout: Seconds to wait for the server, and for others that write.
            prepare: Makes the tables, once it has called what keeps others from doing the same.

        Raises:
            RidesDatabaseError: The address is not one, or there is no driver for it.
        """
        try:
            # The one scheme that SQLAlchemy knows; the other is in use all the same.
            url = sa.make_url(f"postgresql+psycopg2://{address.partition('://')[2]}")
            timeout = max(1, round(busy_timeout))
            self._engine = sa.create_engine(
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
        self.address = url.set(drivername="postgresql").render_as_string(hide_password=True)
        self._prepare = prepare

    def open(self) -> None:
        """Connect, and make the tables.

        Raises:
            RidesDatabaseError: The server refuses, or its tables are of something else.
        """
        self.write(
            lambda connection: self._prepare(
                connection,
                lambda: connection.execute(
                    sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING))
                ).close(),
            )
        )

    def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run queries that see one moment, and give what `work` returns.

        Raises:
            RidesDatabaseError: The server refuses.
        """
        with self._explained(), self._engine.connect() as connection:
            return work(connection.execution_options(isolation_level="REPEATABLE READ"))

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Write all that `work` does, or nothing, in one transaction, and give what it returns.

        Raises:
            RidesDatabaseError: The server refuses.
        """
        with self._explained(), self._engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except UnusableFileError as error:
            raise RidesDatabaseError(f"the rides database {self.address}: {error}") from error
        except sa.exc.OperationalError as error:
            raise RidesDatabaseBusyError(
                f"the rides database {self.address} does not answer ({_cause(error)}): see to the "
                "server, or set RIDES_DB to another"
            ) from None
        except sa.exc.DBAPIError as error:
            raise RidesDatabaseError(
                f"the rides database {self.address} cannot be used ({_cause(error)})"
            ) from None
        except ValueError as error:
            if "NUL" not in str(error):
                raise
            raise UnstorableRideError("Postgres can hold no text with a NUL character") from None


def _cause(error: sa.exc.DBAPIError) -> str:
    return " ".join(str(error.orig).split())
