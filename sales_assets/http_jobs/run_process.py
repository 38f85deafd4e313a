"""The process of one run: materializes one asset for one day, tells what came of it, and ends.

It is forked from a server that has imported this module, and so the definitions, already. Dagster's
runs need a process each: they reconfigure `logging` and redirect the file descriptors 1 and 2.

A run ends with the server that ordered it, however that ends: its day stays as it was, and it is
marked as failed.
"""

import logging
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg

from sales_assets.definitions import defs_for
from sales_assets.http_jobs.directories import StoredDay, check_pages, refuse_strangers
from sales_assets.http_jobs.locks import DayLock
from sales_assets.http_jobs.refusals import RequestError, refusal_of

if TYPE_CHECKING:
    from dagster._core.instance.ref import InstanceRef

_SECONDS_TO_STOP = 10.0
_STOPPED = "the server stopped before the run had ended: send the request again"

_log = logging.getLogger(__name__)


class Order(NamedTuple):
    """What is to be run.

    Attributes:
        instance: Where the run is recorded.
        run_id: Its id.
        asset: Name of the asset.
        day: The partition, and the storage to use instead of `BASE_DIR`.
        tags: Tags of the run.
    """

    instance: "InstanceRef"
    run_id: str
    asset: str
    day: StoredDay
    tags: Mapping[str, str]


class Stored(NamedTuple):
    """The run has succeeded.

    Attributes:
        rows: How many the day has.
        files: How many its directory holds.
    """

    rows: int
    files: int


class Failed(NamedTuple):
    """The request or its run has failed.

    Attributes:
        status: The status of the answer.
        message: What to tell the client.
        run_id: The run, if there was one.
    """

    status: HTTPStatus
    message: str
    run_id: str | None = None


Outcome = Stored | Failed


def work(order: Order, lock: DayLock, answer: Connection, server: Connection) -> None:
    """Do a run and end this process.

    Args:
        order: What to run.
        lock: The lock of the day, held as long as this process lives.
        answer: Takes the `Outcome`. It is closed without one when this process is killed.
        server: Readable once the server has gone, or wants the run to end.
    """
    os.setsid()  # Ctrl-C in a terminal is meant for the server, which lets its runs end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    log_to_stderr()
    threading.Thread(target=_end_with, args=(server, order), daemon=True).start()
    outcome = _outcome(order)
    with suppress(BrokenPipeError):  # The server has gone.
        answer.send(outcome)
    # The interpreter waits for threads; one that hangs does not keep the process.
    last = threading.Timer(_SECONDS_TO_STOP, os._exit, (0,))
    last.daemon = True
    last.start()


def mark_as_failed(instance: dg.DagsterInstance, run_id: str, message: str) -> None:
    """Mark a run that has come to no end of its own; one that has is left as it is."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, message)


def log_to_stderr() -> None:
    """Set up the log of this process."""
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)


def _outcome(order: Order) -> Outcome:
    try:
        # The request has looked before; it may have waited for hours since.
        refuse_strangers(order.day)
        if order.asset == "stg_sales":
            check_pages(order.day)
    except RequestError as error:
        return Failed(*refusal_of(error))
    try:
        with dg.DagsterInstance.from_ref(order.instance) as instance:
            return _run(order, instance)
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        return Failed(HTTPStatus.SERVICE_UNAVAILABLE, _STOPPED, order.run_id)
    except Exception as error:
        return Failed(*refusal_of(error, order.run_id), order.run_id)


def _run(order: Order, instance: dg.DagsterInstance) -> Stored:
    try:
        result = (
            defs_for(str(order.day.root))
            .resolve_implicit_global_asset_job_def()
            .execute_in_process(
                instance=instance,
                partition_key=order.day.day,
                asset_selection=[dg.AssetKey(order.asset)],
                run_id=order.run_id,
                tags=order.tags,
            )
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        mark_as_failed(instance, order.run_id, _STOPPED)
        raise
    refuse_strangers(order.day)
    [event] = result.asset_materializations_for_node(order.asset)
    stored: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    # Files are recorded of a day that can have several.
    return Stored(stored["dagster/row_count"], stored.get("files", 1))


def _end_with(server: Connection, order: Order) -> None:
    """Interrupt the run once the server is gone, and do not wait for it for long."""
    multiprocessing.connection.wait([server])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_STOP)
    with dg.DagsterInstance.from_ref(order.instance) as instance:
        mark_as_failed(instance, order.run_id, "the server stopped, and the run did not end")
    os._exit(1)
