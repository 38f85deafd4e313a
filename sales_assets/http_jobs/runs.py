"""The runs of all HTTP jobs of a server: each in a process of its own, so many at a time.

Keeps the runs from getting in each other's way: a day only once at a time, the rest in the order of
their requests, none after the server was told to stop. HTTP itself, and who may write where, is not
known here, and neither is what a run does (`run_process`).
"""

import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing, contextmanager
from http import HTTPStatus
from multiprocessing.connection import Connection

import dagster as dg

from sales_assets import settings
from sales_assets.http_jobs import run_process
from sales_assets.http_jobs.directories import StoredDay
from sales_assets.http_jobs.fork_server import CONTEXT, start
from sales_assets.http_jobs.locks import DayLock, locked_day
from sales_assets.http_jobs.refusals import NotNowError
from sales_assets.http_jobs.run_process import Failed, Order, Outcome, Stored, mark_as_failed

MAX_ACCEPTED = 60
"""How many requests are accepted at a time: those that are running, and those that wait."""

_log = logging.getLogger(__name__)


class RunFailedError(Exception):
    """A run failed; the text is what to tell the client.

    Attributes:
        status: The status of the answer.
        run_id: The run in Dagster, if there was one.
    """

    def __init__(self, status: HTTPStatus, message: str, run_id: str | None) -> None:
        """Say how it failed."""
        super().__init__(message)
        self.status = status
        self.run_id = run_id


class Runs:
    """The runs of all HTTP jobs in this process; safe to share between threads."""

    def __init__(self, instance: dg.DagsterInstance, at_a_time: int) -> None:
        """Run on `instance`, so many runs at a time."""
        self._instance = instance
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._accepted = 0
        self._running: set[Connection] = set()
        self._ended = False
        # Takes what it is given in order. Its threads only wait for processes.
        self._turns = ThreadPoolExecutor(at_a_time)

    def stop(self) -> None:
        """Accept nothing more; what was accepted carries on."""
        self._stopping.set()

    def end(self) -> None:
        """Have the runs end that are under way, and begin none that waits."""
        self.stop()
        self._turns.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._ended = True
            for server in self._running:
                server.close()

    def check_accepting(self) -> None:
        """Tell whether requests are taken.

        Raises:
            NotNowError: They no longer are.
        """
        if self._stopping.is_set():
            raise NotNowError("the server is stopping: try again once it is back")

    def materialize(
        self, asset: str, day: StoredDay, tags: Mapping[str, str]
    ) -> tuple[str, Stored]:
        """Materialize an asset for a day, waiting for its turn.

        Args:
            asset: Name of the asset.
            day: The partition, and the storage to use instead of `BASE_DIR`.
            tags: Tags of the run.

        Returns:
            The id of the run, and what it has stored.

        Raises:
            DayBusyError: Another request writes this day of this storage. Its other asset counts,
                too: a day must not be replaced while it is read.
            DirectoryError: The storage cannot be written to.
            NotNowError: Nothing is accepted at the moment.
            RunFailedError: The run failed.
        """
        run_id = str(uuid.uuid4())
        order = Order(self._instance.get_ref(), run_id, asset, day, tags)
        with self._accept(), locked_day(day) as lock:
            try:
                outcome = self._turns.submit(self._run, order, lock).result()
            except (CancelledError, RuntimeError) as error:  # A pool that was shut down says so.
                raise NotNowError("the server is stopping: try again once it is back") from error
        if isinstance(outcome, Failed):
            raise RunFailedError(*outcome)
        return run_id, outcome

    def _run(self, order: Order, lock: DayLock) -> Outcome:
        answer, for_answer = CONTEXT.Pipe(duplex=False)
        for_server, server = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(
            target=run_process.work, args=(order, lock, for_answer, for_server), daemon=True
        )
        with self._registered(server), closing(answer):
            _log.info(
                "run %s: %s %s below %s", order.run_id, order.asset, order.day.day, order.day.root
            )
            start(process)
            # Now that the process alone has it, its end closes it.
            for_answer.close()
            for_server.close()
            try:
                outcome: Outcome = answer.recv()
            except (EOFError, OSError):
                outcome = self._killed(order)
            process.join()
        return outcome

    def _killed(self, order: Order) -> Failed:
        message = "the process of the run ended before the run had (killed, or out of memory)"
        mark_as_failed(self._instance, order.run_id, message)
        _log.error("run %s: %s", order.run_id, message)
        return Failed(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"{message}: see run {order.run_id} in Dagster, and send the request again",
            order.run_id,
        )

    @contextmanager
    def _registered(self, server: Connection) -> Iterator[None]:
        with self._lock:
            self._running.add(server)
            if self._ended:
                server.close()
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(server)
                server.close()

    @contextmanager
    def _accept(self) -> Iterator[None]:
        with self._lock:
            self.check_accepting()
            if self._accepted >= MAX_ACCEPTED:
                raise NotNowError(f"{MAX_ACCEPTED} requests are waiting already: try again later")
            self._accepted += 1
        try:
            yield
        finally:
            with self._lock:
                self._accepted -= 1


def open_instance() -> dg.DagsterInstance:
    """Open the instance in `DAGSTER_HOME`, or a temporary one when that is not set.

    Raises:
        dg.DagsterInvariantViolationError: `DAGSTER_HOME` is no absolute path of a directory.
    """
    if settings.read().dagster_home:
        return dg.DagsterInstance.get()
    _log.warning(
        "DAGSTER_HOME is not set: the runs are kept in a temporary directory, where the UI does "
        "not see them, and are gone when the server stops"
    )
    return dg.DagsterInstance.local_temp()
