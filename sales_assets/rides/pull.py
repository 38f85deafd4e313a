"""Pulls rides in a run or until a signal; each is stored before the next is requested."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import dagster as dg

from sales_assets.http.errors import HttpError
from sales_assets.http.secrets import shown
from sales_assets.rides.api import RidesApi
from sales_assets.rides.database import RidesDatabase, RidesStore
from sales_assets.rides.errors import RidesDatabaseBusyError, UnstorableRideError
from sales_assets.rides.ride import RideAnswer

STOP_GRACE = 5
"""Seconds to receive and store the current ride when the service is to stop."""

RETRY_PAUSE = 1
"""Seconds between attempts to store a ride while the database is locked or unreachable."""

_log = logging.getLogger(__name__)


@dataclass
class Tally:
    """Counts the rides stored for the first time or again, and the responses without one."""

    new: int = 0
    updated: int = 0
    skipped: int = 0
    last_skipped: str = ""

    @property
    def pulled(self) -> int:
        """Rides stored."""
        return self.new + self.updated

    def __str__(self) -> str:
        return (
            f"rides pulled: {self.pulled} ({self.new} new, {self.updated} updated), "
            f"responses skipped: {self.skipped}"
        )


def pull(
    answers: Iterable[RideAnswer | HttpError], store: Callable[[RideAnswer], bool], tally: Tally
) -> None:
    """Store rides one by one, each before the next is requested; tally all, log what is skipped.

    `store` returns whether a ride is new.
    """
    for answer in answers:
        if isinstance(answer, HttpError):
            problem = answer.reason
        else:
            try:
                new = store(answer)
            except UnstorableRideError as error:
                problem = f"{_name(answer)}: {error}"
            else:
                tally.new += new
                tally.updated += not new
                continue
        tally.skipped += 1
        tally.last_skipped = problem
        dg.get_dagster_logger(__name__).warning("skipped a response: %s", problem)


def serve(api: RidesApi, database: RidesDatabase, interval: float) -> Tally:
    """Pull until SIGTERM or SIGINT, whose handlers this sets, and return what was pulled.

    The signal ends a pause at once. The current ride gets `STOP_GRACE` seconds to be received and
    stored. While the database is locked or unreachable, the current ride waits.

    Raises:
        RidesDatabaseError: The database cannot be used.
    """
    tally = Tally()
    stopping = threading.Event()
    failures: list[BaseException] = []
    # A handler that did more could do it at the wrong moment.
    signals: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.append(number))

    def work() -> None:
        try:
            with database.open() as rides:
                _log.info("storing rides in %s", rides.address)
                answers = api.rides(interval, pause=stopping.wait)
                pull(answers, lambda answer: store_when_back(rides, answer), tally)
        except BaseException as error:
            failures.append(error)

    _log.info("pulling rides from %s every %g s", api.source, interval)
    # In its own thread, since a driver that waits for a lock or a server ignores signals.
    worker = threading.Thread(target=work, name="pull-rides", daemon=True)
    worker.start()
    while worker.is_alive() and not signals:
        worker.join(0.1)
    stopping.set()
    worker.join(STOP_GRACE)
    if worker.is_alive():
        _log.warning("stopped before the current ride was received and stored")
    elif failures:
        raise failures[0]
    return tally


def store_when_back(
    rides: RidesStore, answer: RideAnswer, pause: Callable[[float], object] = time.sleep
) -> bool:
    """Store a ride and return whether it is new; wait while the database is locked or away."""
    waiting = False
    while True:
        try:
            new = rides.store(answer)
            break
        except RidesDatabaseBusyError as error:
            if not waiting:
                _log.warning("%s is waiting to be stored: %s", _name(answer), error)
            waiting = True
            pause(RETRY_PAUSE)
    if waiting:
        _log.info("the rides database %s is available again", rides.address)
    _log.info("%s %s", "new" if new else "updated", _name(answer))
    return new


def _name(answer: RideAnswer) -> str:
    return f"ride {shown(answer['ride']['ride_uuid'], 80)}"
