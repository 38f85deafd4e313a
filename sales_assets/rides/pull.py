"""Pulling: each ride is stored before the next is asked for, in a run or until told to stop.

The service (`serve`) needs no Dagster around it. How rides are asked for and how they are stored is
the business of `api` and `database`.
"""

import logging
import os
import select
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sales_assets.http.secrets import shown
from sales_assets.rides.api import NoRide, RidesApi
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.errors import RidesDatabaseBusyError, UnstorableRideError
from sales_assets.rides.ride import RideAnswer

STOP_GRACE = 5
"""Seconds that an answer in hand has to be received and stored, once the service is to stop."""

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger(__name__)


@dataclass
class Tally:
    """What became of the answers so far.

    Attributes:
        new: Rides stored for the first time.
        updated: Rides that were there already, and have been replaced.
        skipped: Answers without a ride.
        last_skipped: What was wrong with the last of those.
    """

    new: int = 0
    updated: int = 0
    skipped: int = 0
    last_skipped: str = ""

    @property
    def pulled(self) -> int:
        """Rides stored."""
        return self.new + self.updated

    def __str__(self) -> str:
        """Count in words."""
        return (
            f"{self.pulled} rides pulled ({self.new} new, {self.updated} updated), "
            f"{self.skipped} answers skipped"
        )


def pull(
    answers: Iterable[RideAnswer | NoRide],
    store: Callable[[RideAnswer], bool],
    tally: Tally,
    log: logging.Logger,
) -> None:
    """Store the rides among answers one by one; log and count the answers without one.

    Args:
        answers: Taken one at a time, the next when the one before it is stored.
        store: Writes a ride, and tells whether it is new.
        tally: Is kept up to date.
        log: Gets a warning for each answer skipped.
    """
    for answer in answers:
        try:
            if isinstance(answer, NoRide):
                problem = answer.reason
            else:
                new = store(answer)
                tally.new += new
                tally.updated += not new
                continue
        except UnstorableRideError as error:
            problem = str(error)
        tally.skipped += 1
        tally.last_skipped = problem
        log.warning("skipped an answer without a ride: %s", problem)


def serve(api: RidesApi, database: RidesDatabase, interval: float) -> Tally:
    """Pull until SIGTERM or SIGINT; to be called in the main thread.

    The signal ends a pause at once. A ride in hand is still received and stored, for which there
    are `STOP_GRACE` seconds.

    Args:
        api: Ready to be asked.
        database: Where the rides go. While another process keeps it locked, the ride in hand waits.
        interval: Seconds between an answer and the next call.

    Returns:
        What was pulled.

    Raises:
        RidesDatabaseError: The database cannot be used.
    """
    tally = Tally()
    _log.info("rides come from %s, every %g s", api.source, interval)
    with _stop_signals() as stopped, database.open(_log) as rides:
        _log.info("rides go to %s", rides.address)

        def store(answer: RideAnswer) -> bool:
            while True:
                try:
                    new = rides.store(answer)
                except RidesDatabaseBusyError as error:
                    _log.warning("the ride in hand waits: %s", error)
                else:
                    ride = shown(answer["ride"]["ride_uuid"])
                    _log.info("%s ride %s", "new" if new else "updated", ride)
                    return new

        try:
            pull(api.rides(interval, pause=stopped), store, tally, _log)
        except KeyboardInterrupt:
            _log.warning("stopped before the answer in hand was there and stored")
    return tally


@contextmanager
def _stop_signals() -> Iterator[Callable[[float], bool]]:
    """Turn SIGTERM and SIGINT into the end of a pause.

    A handler that raised would do so anywhere, also between an answer and its storing; one that
    set an event could meet the lock of that event. The interpreter writes the number of a signal
    into a pipe (`signal.set_wakeup_fd`), on which a pause waits.

    Yields:
        Pauses for some seconds, and tells whether to stop; then it returns at once.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = {number: signal.getsignal(number) for number in (*_STOP_SIGNALS, signal.SIGALRM)}
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: signal.alarm(STOP_GRACE))
    # What still waits when the grace is over is interrupted.
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        yield lambda seconds: bool(select.select([reader], [], [], seconds)[0])
    finally:
        signal.alarm(0)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(reader)
        os.close(writer)
