"""Which days are being written: a lock of each in the work directory of its storage.

All servers of a storage see it. The server of a run holds it, and the run ends with its server, so
that it says whether a run is alive. To the storage it is one more work directory, `.work/ID/`,
locked (flock); one that a killed server has left is swept up by the next run.
"""

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from sales_assets.http_jobs.directories import NAME, StoredDay
from sales_assets.http_jobs.refusals import DayBusyError, RequestError
from sales_assets.storage.replace import PublishError
from sales_assets.storage.replace.finish import make_directory
from sales_assets.storage.replace.work import WORK, locked, make, opened


@contextmanager
def locked_day(day: StoredDay) -> Iterator[None]:
    """Lock a day against all other requests; both of its assets, since one is read for the other.

    Raises:
        DayBusyError: It is locked already.
        RequestError: The storage cannot be written to.
    """
    work = day.root / WORK
    mine = work / uuid.uuid5(uuid.NAMESPACE_URL, f"{NAME}/{day.day}").hex
    with ExitStack() as stack:
        try:
            make(work)
            # The lock on all of it keeps a sweeper away from a directory that has no lock yet.
            with locked(work):
                with suppress(FileExistsError):
                    make_directory(mine)
                descriptor = stack.enter_context(opened(mine))
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DayBusyError(
                f"{day} is being written by another request: try again once that one has its answer"
            ) from error
        except (OSError, PublishError) as error:
            raise RequestError(f"{day.root} cannot be written to: {error}") from error
        try:
            yield
        finally:
            # Held until it is gone, so that nobody gets a lock that nobody else can see. What
            # somebody else put into it goes with it.
            with suppress(OSError), locked(work):
                shutil.rmtree(mine, ignore_errors=True)
