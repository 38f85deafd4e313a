"""Which days are being written: a lock of each in the work directory of its storage.

All servers of a storage see it, and it goes with the processes that hold it. To the storage it is
one more work directory, `.work/ID/`, locked (flock) by who works there; one that a killed server
has left is swept up by the next run.
"""

import fcntl
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.reduction import DupFd
from typing import Any

from sales_assets.http_jobs.directories import NAME, StoredDay
from sales_assets.http_jobs.refusals import DayBusyError, DirectoryError
from sales_assets.storage.replace.work import WORK, make

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class DayLock:
    """A lock that is held.

    A process that is started with it holds it, too: the day stays locked until both have ended.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over an open directory that is locked."""
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[..., "DayLock"], tuple[object]]:
        """Go to another process as it is started."""
        return _received, (DupFd(self._descriptor),)


def _received(descriptor: Any) -> DayLock:
    return DayLock(descriptor.detach())


@contextmanager
def locked_day(day: StoredDay) -> Iterator[DayLock]:
    """Lock a day against all other requests; both of its assets, since one is read for the other.

    Raises:
        DayBusyError: It is locked already.
        DirectoryError: The storage cannot be written to.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{NAME}/{day.day}").hex
    with ExitStack() as stack:
        try:
            make(day.root / WORK)
            work = _open(stack, day.root / WORK)
            # The lock on all of it keeps a sweeper away from a directory that has no lock yet.
            with _flock(work):
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=work)
                descriptor = _open(stack, name, dir_fd=work)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Others of the group may have to clear it away.
                with suppress(PermissionError):
                    os.fchmod(descriptor, stat.S_IMODE(os.fstat(work).st_mode))
        except BlockingIOError as error:
            raise DayBusyError(
                f"{day.day} below {day.root} is being written by another request: try again once "
                "that one has its answer"
            ) from error
        except OSError as error:
            raise DirectoryError(f"{day.root} cannot be written to: {error}") from error
        try:
            yield DayLock(descriptor)
        finally:
            # Held until it is gone, so that nobody gets a lock that nobody else can see.
            with suppress(FileNotFoundError), _flock(work):
                os.rmdir(name, dir_fd=work)


@contextmanager
def _flock(descriptor: int) -> Iterator[None]:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _open(stack: ExitStack, path: "os.PathLike[str] | str", dir_fd: int | None = None) -> int:
    descriptor = os.open(path, _DIRECTORY, dir_fd=dir_fd)
    stack.callback(os.close, descriptor)
    return descriptor
