"""What can go wrong with the rides database, classified in one place by the code of the error.

A ride waits while the database is busy, and is skipped if it is unstorable; all else ends a run or
the service. The driver's error is not kept as a cause: its text is in ours, without secrets.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sa

from sales_assets.http.secrets import shown


class RidesDatabaseError(dg.Failure):
    """The rides database cannot be used; the text names it, the reason and what to do."""


class RidesDatabaseBusyError(RidesDatabaseError):
    """The database is locked or unreachable, and may be usable later."""


class UnstorableRideError(RidesDatabaseError):
    """The database cannot store these values."""


_LOCKED = "another program is using it; wait for that program or stop it, and run again"
_AWAY = "check the server and its settings, and the address in RIDES_DB"
_UNFIT = "these values do not fit into its tables"
_DAMAGED = "it is damaged: restore it from a backup, or move it away"
_FULL = "free up space on its disk, and run again"
_UNWRITABLE = "make the file and its directory writable, or set RIDES_DB to another file"
_OTHER_TABLES = (
    "its tables are not those of this version of sales_assets: restore it from a backup, or set "
    "RIDES_DB to another database"
)
_FORBIDDEN = "grant its user the right to create tables and write to them"
_UNKNOWN = "see the server log, or set RIDES_DB to another database"

_BY_SQLSTATE = {
    "08": _AWAY,
    "25006": _AWAY,  # read-only, as a standby is until it takes over
    "3F": _FORBIDDEN,  # no schema that its user may use
    "40": _LOCKED,
    "42": _OTHER_TABLES,
    "42501": _FORBIDDEN,
    "53": _AWAY,
    "53100": _FULL,
    "54": _UNFIT,
    "55P03": _LOCKED,
    "57": _AWAY,
}
"""By a SQLSTATE, or by the class of many, which is its first two characters."""

_BY_SQLITE_TEXT = {
    'near "STRICT"': "use a Python that was built with SQLite 3.37 or newer",
    "is locked": _LOCKED,
    "malformed": _DAMAGED,
    " column": _OTHER_TABLES,
    "not a database": _DAMAGED,
    "no such table": _DAMAGED,
    "disk is full": _FULL,
}
"""Python gives SQLite's codes only from 3.11 on; each of these texts is that of one code."""

_KINDS = {
    _LOCKED: RidesDatabaseBusyError,
    _AWAY: RidesDatabaseBusyError,
    _UNFIT: UnstorableRideError,
}


@contextmanager
def explained(address: str) -> Iterator[None]:
    """Turn errors of drivers and the disk into ours; each names the database by its address."""
    try:
        yield
    except RidesDatabaseError as error:
        raise RidesDatabaseError(f"the rides database {address}: {error}") from None
    except (sa.exc.DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        remedy = _remedy(error)
        kind = _KINDS.get(remedy, RidesDatabaseError)
        reason = shown(" ".join(str(cause).split()), 500)
        raise kind(f"the rides database {address} cannot be used ({reason}): {remedy}") from None
    except ValueError as error:
        if "NUL" not in str(error):
            raise
        raise UnstorableRideError("Postgres cannot store text with a NUL character") from None


def _remedy(error: sa.exc.DBAPIError | OSError) -> str:
    if isinstance(error, OSError):
        return _UNWRITABLE
    if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
        return _UNFIT
    if isinstance(error.orig, sqlite3.Error):
        text = str(error.orig)
        known = (remedy for part, remedy in _BY_SQLITE_TEXT.items() if part in text)
        return next(known, _UNWRITABLE)
    # There is no SQLSTATE when a connection fails.
    code = getattr(error.orig, "pgcode", None) or "08"
    return _BY_SQLSTATE.get(code) or _BY_SQLSTATE.get(code[:2], _UNKNOWN)
