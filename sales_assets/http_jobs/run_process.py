"""The process of one run: materializes one asset for one day, answers its request, and ends.

Dagster's runs need a process each: they reconfigure `logging` and redirect the file descriptors 1
and 2. Importing the definitions takes longer than a run, and forking a process with threads, such
as the HTTP server, is not safe. So runs are forked from a fork server that has imported this
module, and so the definitions, and does nothing else. Who waits for a run is in `runs`.
"""

import logging
import multiprocessing.connection
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from sales_assets.definitions import defs_for
from sales_assets.http_jobs.contract import Stored
from sales_assets.http_jobs.directories import StoredDay, refuse_strangers
from sales_assets.http_jobs.refusals import Answer, refusal_of


class Order(NamedTuple):
    """What to run.

    Attributes:
        instance: Where the run is recorded.
        day: The partition, and the storage to use instead of `BASE_DIR`.
    """

    instance: InstanceRef
    run_id: str
    asset: str
    day: StoredDay
    tags: Mapping[str, str]


def work(order: Order, server: Connection) -> None:
    """Do a run, and nothing after it.

    Args:
        order: What to run.
        server: Takes the `Answer`. It is readable once the server is gone, and the run is to end.
    """
    os.setsid()  # Ctrl-C in a terminal is meant for the server, which lets its runs end.
    log_to_stderr()
    threading.Thread(target=_end_with, args=(server, order), daemon=True).start()
    try:
        with dg.DagsterInstance.from_ref(order.instance) as instance:
            answer = _run(order, instance)
    except Exception as error:
        answer = refusal_of(error, order.run_id)
    with suppress(OSError):  # The server is gone.
        server.send(answer)


def mark_as_failed(instance: dg.DagsterInstance, run_id: str, message: str) -> None:
    """Mark a run as failed, unless it has ended by itself."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(run, message)


def log_to_stderr() -> None:
    """Set up the log of this process."""
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)


def _run(order: Order, instance: dg.DagsterInstance) -> Answer:
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
    refuse_strangers(order.day)
    [event] = result.asset_materializations_for_node(order.asset)
    metadata: dict[str, Any] = {name: value.value for name, value in event.metadata.items()}
    # Only a day that can have several files records how many it has.
    rows, files = metadata["dagster/row_count"], metadata.get("files", 1)
    day = order.day.day
    message = f"{order.asset} {day} is stored: rows {rows}, files {files}"
    body = Stored(message=message, run_id=order.run_id, partition=day, rows=rows, files=files)
    return Answer(HTTPStatus.CREATED, body)


def _end_with(server: Connection, order: Order) -> None:
    """End the run once the server is gone; its day is left as it was, at whatever moment."""
    multiprocessing.connection.wait([server])
    with dg.DagsterInstance.from_ref(order.instance) as instance:
        mark_as_failed(instance, order.run_id, "the server was killed")
    os._exit(1)
