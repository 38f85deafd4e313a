"""The runs of all HTTP jobs of a server: each in a process of its own, so many at a time.

Keeps the runs from getting in each other's way: a day only once at a time, the rest in the order of
their requests, none once the server was told to stop. HTTP itself is not known here, and neither is
what a run does (`run_process`).
"""

import logging
import multiprocessing
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import dagster as dg

from sales_assets.http_jobs.directories import StoredDay, refuse_strangers
from sales_assets.http_jobs.locks import locked_day
from sales_assets.http_jobs.refusals import (
    Answer,
    DayBusyError,
    KilledError,
    NotNowError,
    RequestError,
    refusal_of,
)
from sales_assets.http_jobs.run_process import Order, mark_as_failed, work

MAX_ACCEPTED = 60
"""How many requests are accepted at a time: those that are running, and those that wait."""

_SECONDS_TO_KILL = 10
_HOST, _ROOT = "sales_assets/http_host", "sales_assets/base_dir"
_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_PROCESSES = multiprocessing.get_context("forkserver")

_log = logging.getLogger(__name__)


class Runs:
    """The runs of all HTTP jobs in this process; safe to share between threads.

    Args:
        instance: Where the runs are recorded.
        at_a_time: How many go at a time.
    """

    def __init__(self, instance: dg.DagsterInstance, at_a_time: int) -> None:
        self._instance = instance
        self._changed = threading.Condition()
        self._accepted = 0
        self._running: set[ForkServerProcess] = set()
        self._stopping = False
        self._killing = False
        # Takes what it is given in order. Its threads only wait for processes.
        self._turns = ThreadPoolExecutor(at_a_time)

    def materialize(self, asset: str, day: StoredDay, tags: Mapping[str, str]) -> Answer:
        """Materialize an asset for a day, waiting for its turn.

        Args:
            asset: Name of the asset.
            day: The partition, and the storage to use instead of `BASE_DIR`.
            tags: Tags of the run.

        Raises:
            DayBusyError: Another request writes this day of this storage, or its other asset.
            NotNowError: Nothing is accepted at the moment.
            RequestError: The storage cannot be written to, or no longer has the form it must have.
        """
        tags = {**tags, _HOST: socket.gethostname(), _ROOT: str(day.root)}
        order = Order(self._instance.get_ref(), str(uuid.uuid4()), asset, day, tags)
        with self._accepting(), locked_day(day):
            try:
                return self._turns.submit(self._run, order).result()
            except (CancelledError, RuntimeError) as error:  # A pool that was shut down says so.
                raise NotNowError("the server stopped: send the request again") from error

    def check_accepting(self) -> None:
        """Check that requests are accepted.

        Raises:
            NotNowError: They no longer are.
        """
        if self._stopping:
            raise NotNowError("the server is stopping: try again once it is back")

    def stop(self) -> None:
        """Accept nothing more; what was accepted carries on."""
        self._stopping = True

    def close(self, within: float) -> bool:
        """Accept nothing more, and wait for what was accepted.

        Args:
            within: Seconds until runs are killed, and those that wait for their turn are given up.

        Returns:
            Whether every request has its answer.
        """
        self.stop()
        if self._are_answered(within):
            return True
        self._turns.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            self._killing = True
            for process in self._running:
                process.kill()
        return self._are_answered(_SECONDS_TO_KILL)

    def mark_what_was_left(self) -> None:
        """Mark runs as failed that a server of this host left when it was killed with them."""
        tags = {_HOST: socket.gethostname()}
        for run in self._instance.get_runs(dg.RunsFilter(tags=tags, statuses=_UNFINISHED)):
            day = StoredDay(Path(run.tags[_ROOT]), run.tags["dagster/partition"])
            # The server of a run that is alive holds the lock of its day.
            with suppress(DayBusyError, RequestError), ExitStack() as stack:
                if day.root.is_dir():
                    stack.enter_context(locked_day(day))
                mark_as_failed(self._instance, run.run_id, "the server was killed with its runs")
                _log.warning("run %s: a server that was killed left it", run.run_id)

    def _are_answered(self, within: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._accepted == 0, within)

    @contextmanager
    def _accepting(self) -> Iterator[None]:
        with self._changed:
            self.check_accepting()
            if self._accepted >= MAX_ACCEPTED:
                raise NotNowError(f"{MAX_ACCEPTED} requests are waiting already: try again later")
            self._accepted += 1
        try:
            yield
        finally:
            with self._changed:
                self._accepted -= 1
                self._changed.notify_all()

    def _run(self, order: Order) -> Answer:
        # The request was checked when it came in, which may be hours ago.
        refuse_strangers(order.day)
        _log.info("run %s: %s %s", order.run_id, order.asset, order.day)
        ours, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=work, args=(order, theirs), daemon=True)
        with closing(ours):
            try:
                # Once the process alone has the other end, its death closes it.
                with closing(theirs):
                    process.start()
                with self._killable(process):
                    answer: Answer = ours.recv()
                    return answer
            except (EOFError, OSError):
                return self._killed(order)

    def _killed(self, order: Order) -> Answer:
        error = (
            NotNowError("the server stopped before the run had ended: send the request again")
            if self._killing
            else KilledError(
                "the process of the run ended before the run had (killed, or out of memory): see "
                f"run {order.run_id} in Dagster, and send the request again"
            )
        )
        _log.error("run %s: %s", order.run_id, error)
        mark_as_failed(self._instance, order.run_id, str(error))
        return refusal_of(error, order.run_id)

    @contextmanager
    def _killable(self, process: ForkServerProcess) -> Iterator[None]:
        with self._changed:
            self._running.add(process)
            if self._killing:
                process.kill()
        try:
            yield
        finally:
            # One that hangs after its answer, such as in a thread, is killed.
            process.join(_SECONDS_TO_KILL)
            process.kill()
            process.join()
            with self._changed:
                self._running.discard(process)
