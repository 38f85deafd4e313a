"""The runs of a server's HTTP jobs, each in its own process, a limited number at a time.

A run reconfigures `logging` and redirects the file descriptors 1 and 2. Importing the definitions
takes longer than a run, and a process with threads, such as the HTTP server, cannot be forked
safely. So runs are forked from a fork server, which has imported this module and does nothing else.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import socket
import threading
import uuid
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from werkzeug.exceptions import BadRequest, Conflict, ServiceUnavailable

from sales_assets.definitions import defs_for
from sales_assets.http_jobs.contract import Answer, Stored, refusal_of, refuse
from sales_assets.http_jobs.directories import StoredDay, locked_day, refuse_strangers

MAX_ACCEPTED = 60
"""Maximum number of requests that run or wait."""

_SECONDS_TO_KILL = 10
_ORIGIN = "sales_assets/http_origin"
_HOST = "sales_assets/http_host"
_ROOT = "sales_assets/base_dir"
_PROCESSES = multiprocessing.get_context("forkserver")

_log = logging.getLogger(__name__)


class _Order(NamedTuple):
    instance: InstanceRef
    run_id: str
    asset: str
    day: StoredDay
    origin: str


class Runs:
    """The runs of all HTTP jobs in this process, recorded in `instance`; shared by its threads."""

    def __init__(self, instance: dg.DagsterInstance, at_a_time: int) -> None:
        self._instance = instance
        self._accepted: set[Future[Answer]] = set()
        self._stopping = False
        self._killing = False
        # Takes runs in order. Its threads only wait for processes.
        self._turns = ThreadPoolExecutor(at_a_time)

    def materialize(self, asset: str, day: StoredDay, origin: str) -> Answer:
        """Materialize an asset for a day, waiting for its turn.

        Raises:
            HTTPException: Another request writes this day of this storage, or its other asset; the
                storage cannot be used; or no requests are accepted at the moment.
        """
        order = _Order(self._instance.get_ref(), str(uuid.uuid4()), asset, day, origin)
        if len(self._accepted) >= MAX_ACCEPTED:
            message = f"{MAX_ACCEPTED} requests are already waiting: try again later"
            raise ServiceUnavailable(message)
        with locked_day(day):
            try:
                turn = self._turns.submit(self._run, order)
                self._accepted.add(turn)
                turn.add_done_callback(self._accepted.discard)
                return turn.result()
            except (CancelledError, RuntimeError) as error:  # RuntimeError: the pool is shut down.
                raise ServiceUnavailable("the server stopped: send the request again") from error

    def check_accepting(self) -> None:
        """Raise `ServiceUnavailable` once the server is stopping."""
        if self._stopping:
            raise ServiceUnavailable("the server is stopping: try again when it is back up")

    def close(self, within: float) -> bool:
        """Accept no further requests, and wait for the others; return whether all have ended.

        After `within` seconds, runs are killed, and waiting requests are canceled.
        """
        self._stopping = True
        self._turns.shutdown(wait=False)
        if not wait(self._accepted, within).not_done:
            return True
        self._killing = True
        self._turns.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.kill()
        return not wait(self._accepted, _SECONDS_TO_KILL).not_done

    def mark_what_was_left(self) -> None:
        """Mark runs as failed that were killed together with their server on this host."""
        ours = dg.RunsFilter(tags={_HOST: socket.gethostname()}, statuses=NOT_FINISHED_STATUSES)
        for run in self._instance.get_runs(ours):
            if run.parent_run_id:  # Started again in Dagster, with the tags of ours.
                continue
            day = StoredDay(Path(run.tags[_ROOT]), run.tags["dagster/partition"])
            # The server of a run that is alive holds the lock of its day.
            with suppress(Conflict, BadRequest), locked_day(day):
                _fail(self._instance, run.run_id, "the server was killed with its runs")

    def _run(self, order: _Order) -> Answer:
        # The request was checked when it came in, which may be hours ago.
        refuse_strangers(order.day)
        _log.info("run %s: %s %s", order.run_id, order.asset, order.day)
        ours, theirs = _PROCESSES.Pipe()
        process = _PROCESSES.Process(target=_work, args=(order, theirs), daemon=True)
        with ours:
            try:
                # Once the process alone has the other end, its death closes it.
                with theirs:
                    process.start()
                if self._killing:
                    process.kill()
                answer: Answer = ours.recv()
            except (EOFError, OSError):
                answer = self._killed(order)
            if process.pid:
                # One that hangs after its answer, such as in a thread, is killed.
                process.join(_SECONDS_TO_KILL)
                process.kill()
                process.join()
        return answer

    def _killed(self, order: _Order) -> Answer:
        if self._killing:
            status, why = 503, "the server stopped before the run ended: send the request again"
        else:
            status = 500
            why = (
                "the process of the run died (killed, or out of memory): see "
                f"run {order.run_id} in Dagster, and send the request again"
            )
        _fail(self._instance, order.run_id, why)
        return refuse(status, why, order.run_id)


def log_to_stderr() -> None:
    """Log what this package does, too."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)


def _work(order: _Order, server: Connection) -> None:
    """Execute a run in its process, and send the answer to the server."""
    os.setsid()  # Ctrl-C in a terminal is meant for the server, which lets its runs end.
    log_to_stderr()
    threading.Thread(target=_end_with, args=(server, order), daemon=True).start()
    try:
        answer = _execute(order)
    except Exception as error:
        answer = refusal_of(error, order.run_id)
    with suppress(OSError):  # The server is gone.
        server.send(answer)


def _end_with(server: Connection, order: _Order) -> None:
    """End the run as soon as the server is gone: existing data is kept."""
    multiprocessing.connection.wait([server])  # It sends nothing.
    with dg.DagsterInstance.from_ref(order.instance) as instance:
        _fail(instance, order.run_id, "the server was killed")
    os._exit(1)


def _execute(order: _Order) -> Answer:
    day, root = order.day.day, str(order.day.root)
    job = defs_for(root).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.from_ref(order.instance) as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=day,
            asset_selection=[dg.AssetKey(order.asset)],
            run_id=order.run_id,
            tags={_ORIGIN: order.origin, _HOST: socket.gethostname(), _ROOT: root},
        )
    refuse_strangers(order.day)
    [event] = result.asset_materializations_for_node(order.asset)
    metadata: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    # Only a day that can have several files records how many it has.
    rows, files = metadata["dagster/row_count"], metadata.get("files", 1)
    message = f"{order.asset} {day} is stored: rows {rows}, files {files}"
    body = Stored(message=message, run_id=order.run_id, partition=day, rows=rows, files=files)
    return body.model_dump(), HTTPStatus.CREATED


def _fail(instance: dg.DagsterInstance, run_id: str, why: str) -> None:
    """Mark a run as failed, unless it has ended by itself."""
    _log.error("run %s: %s", run_id, why)
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, why)
