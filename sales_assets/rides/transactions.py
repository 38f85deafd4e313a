"""A database as the place of the rides: its transactions, whichever kind of database it is.

What is opened is compared, before and after each transaction, with what is there: SQLite goes on
with a file that was deleted, moved or replaced under it, and what is written from then on would be
lost. What is written is not known here.
"""

import logging
from collections.abc import Callable
from typing import ClassVar, TypeVar

import sqlalchemy as sa

from sales_assets.rides.errors import UnusableDatabaseError, explained
from sales_assets.rides.schema import is_current, make_tables

Result = TypeVar("Result")

_MOST_TRIES = 10


class Database:
    """A database with the tables of the rides; of one thread.

    Each of its methods may raise `RidesDatabaseError`.

    Attributes:
        address: What names the database, without a password.
    """

    begin_to_read: ClassVar[str]
    begin_to_write: ClassVar[str]
    settle: ClassVar[str] = "SELECT 1"
    """Said outside of transactions to a database that is open, and known to be ours."""

    def __init__(self, address: str, engine: sa.Engine, log: logging.Logger) -> None:
        self.address = address
        self._engine = engine
        self._log = log
        self._opened: object = None

    def read(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Run queries that see one moment, and return what `work` returns."""
        return self._run(self.begin_to_read, work)

    def write(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Write all that `work` does, or nothing, and return what it returns.

        `work` is called again if the file was replaced before all was written.
        """
        return self._run(self.begin_to_write, work)

    def close(self) -> None:
        """Close the database, if it is open."""
        self._engine.dispose()
        self._opened = None

    def _identify(self) -> object:
        """Tell what is at the address from whatever may take its place."""
        return self.address

    def _run(self, begin: str, work: Callable[[sa.Connection], Result]) -> Result:
        with explained(self.address):
            for _ in range(_MOST_TRIES):
                there = self._identify()
                try:
                    if self._opened != there:
                        self._reopen(there)
                    result = self._transact(begin, work)
                except sa.exc.DBAPIError:
                    if self._identify() == there:
                        raise
                else:
                    if self._identify() == there:
                        return result
            raise UnusableDatabaseError("it is replaced again and again: leave it where it is")

    def _reopen(self, there: object) -> None:
        if self._opened:
            self._log.warning(
                "the rides database %s was deleted, moved or replaced: opening what is there now",
                self.address,
            )
        self.close()
        if not self._transact(self.begin_to_read, is_current):
            self._transact(self.begin_to_write, make_tables)
        with self._engine.connect() as connection:
            connection.exec_driver_sql(self.settle)
        # The open connection keeps the number of its file from being given to another.
        self._opened = there

    def _transact(self, begin: str, work: Callable[[sa.Connection], Result]) -> Result:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(begin)
            return work(connection)
