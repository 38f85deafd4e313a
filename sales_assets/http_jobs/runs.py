"""Materializes one day of one asset, in this process and on the configured Dagster instance.

Keeps the runs of the HTTP jobs from getting in each other's way: one after the other, a day only
once at a time, none after the server was told to stop. HTTP itself, and who may write where, is not
known here.

Runs take turns because Dagster's are not made for several threads of a process: each reconfigures
`logging` and redirects the file descriptors 1 and 2 for the whole process. Side by side, they stop
each other for good within seconds, or lose events.
"""

import logging
import os
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.definitions import defs_for
from sales_assets.http_jobs.directories import StoredDay, check_pages, refuse_strangers
from sales_assets.http_jobs.refusals import DayBusyError, NotNowError, refusal_of

MAX_ACCEPTED = 60
"""How many requests are accepted at a time: the one that is running, and those that wait."""


_log = logging.getLogger(__name__)


class RunFailedError(Exception):
    """A run failed; the text is what to tell the client.

    Attributes:
        run_id: The run in Dagster.
        status: The status of the answer.
    """

    def __init__(self, run_id: str, status: HTTPStatus, message: str) -> None:
        """Name the run, and say how it failed."""
        super().__init__(message)
        self.run_id = run_id
        self.status = status


class Run(NamedTuple):
    """A run that succeeded, and the metadata of the day that it stored."""

    run_id: str
    metadata: Mapping[str, Any]


class Runs:
    """The runs of all HTTP jobs in this process; safe to share between threads."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Run on `instance`."""
        self._instance = instance
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._accepted: set[StoredDay] = set()
        self._turn = threading.Lock()

    def stop(self) -> None:
        """Accept nothing more; what was accepted carries on."""
        self._stopping.set()

    def check_accepting(self) -> None:
        """Tell whether requests are taken.

        Raises:
            NotNowError: They no longer are.
        """
        if self._stopping.is_set():
            raise NotNowError("the server is stopping: try again once it is back")

    def materialize(self, asset: str, day: StoredDay, tags: Mapping[str, str]) -> Run:
        """Materialize an asset for a day, waiting for its turn.

        Args:
            asset: Name of the asset.
            day: The partition, and the storage to use instead of `BASE_DIR`.
            tags: Tags of the run.

        Raises:
            DayBusyError: Another request writes this day of this storage. Its other asset counts,
                too: a day must not be replaced while it is read.
            NotNowError: Nothing is accepted at the moment.
            RunFailedError: The run failed.
        """
        with self._accept(day), self._turn:
            refuse_strangers(day)
            if asset == "stg_sales":
                check_pages(day)
            run_id = str(uuid.uuid4())
            try:
                result = (
                    defs_for(str(day.root))
                    .resolve_implicit_global_asset_job_def()
                    .execute_in_process(
                        instance=self._instance,
                        partition_key=day.day,
                        asset_selection=[dg.AssetKey(asset)],
                        run_id=run_id,
                        tags=tags,
                    )
                )
            except Exception as error:
                raise RunFailedError(run_id, *refusal_of(error, run_id)) from error
        [event] = result.asset_materializations_for_node(asset)
        return Run(run_id, {name: value.value for name, value in event.metadata.items()})

    @contextmanager
    def _accept(self, day: StoredDay) -> Iterator[None]:
        with self._lock:
            self.check_accepting()
            if day in self._accepted:
                raise DayBusyError(
                    f"{day.day} below {day.root} is being written by another request: try again "
                    "once that one has its answer"
                )
            if len(self._accepted) >= MAX_ACCEPTED:
                raise NotNowError(f"{MAX_ACCEPTED} requests are waiting already: try again later")
            self._accepted.add(day)
        try:
            yield
        finally:
            with self._lock:
                self._accepted.remove(day)


def open_instance() -> dg.DagsterInstance:
    """Open the instance in `DAGSTER_HOME`, or a temporary one when that is not set.

    Raises:
        dg.DagsterInvariantViolationError: `DAGSTER_HOME` is no absolute path of a directory.
    """
    if os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()
    _log.warning(
        "DAGSTER_HOME is not set: the runs are kept in a temporary directory, where the UI does "
        "not see them, and are gone when the server stops"
    )
    return dg.DagsterInstance.local_temp()
