"""An event log in SQLite that stores events in batches.

Dagster hands over the events of a range in batches: what a run plans, and what it has materialized.
Its Postgres storage makes use of them. Its SQLite storage commits two transactions for each event,
which takes longer than everything else about a small day. Here, a batch is one transaction per
database. Directories, files and tables are those of Dagster's default storage: you can switch from
one to the other at any time.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._serdes import ConfigurableClassData, serialize_value
from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection
from typing_extensions import Self

from sales_assets.instance.heartbeat import BeatingEventLog
from sales_assets.instance.outages import RetryingEventLog

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster reads it for each event; if it is unset or 0, there are no batches."""

BATCH_SIZE = "250"
"""Larger batches would save little, and make other writers wait longer."""

_columns = AssetCheckExecutionsTable.c
_FILL = AssetCheckExecutionsTable.update().where(
    _columns.asset_key == bindparam("of_asset"),
    _columns.check_name == bindparam("of_check"),
    _columns.run_id == bindparam("of_run"),
    _columns.partition.is_not_distinct_from(bindparam("of_partition")),
)


class BatchedSqliteEventLogStorage(BeatingEventLog, RetryingEventLog, SqliteEventLogStorage):
    """Dagster's SQLite event log; creating it turns batches on in this process and its children.

    The variable `DAGSTER_EVENT_BATCH_SIZE` counts if it is set.

    A batch becomes visible all at once in each of its two databases: first in that of the run, then
    in that of all assets. A process killed between the two leaves a batch of events that the log of
    the run has and the asset does not; with Dagster's own class, that is one event. A batch that
    fails is rolled back, and Dagster stores its events one by one as far as it can.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        # Not a setting of ours: Dagster reads it itself.
        os.environ.setdefault(BATCH_SIZE_VARIABLE, BATCH_SIZE)  # noqa: TID251
        # Dagster's own __init__ follows once the directory is known.
        self._inst_data = inst_data
        self._lock = threading.RLock()
        self._batch: dict[str, Connection] = {}
        self._of_assets: dict[tuple[Any, Any], tuple[EventLogEntry, int]] = {}
        self._evaluations: list[tuple[EventLogEntry, int]] = []
        self._tables: set[str] = set()

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """There is nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Create it from its section of `dagster.yaml`."""
        return cls(inst_data)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Open the databases where Dagster's default storage keeps them."""
        directory = Path(instance.root_directory) / "history" / "runs"
        super().__init__(str(directory), self._inst_data)
        # A batch has two databases open.
        self._db_lock = self._lock  # type: ignore[assignment]
        super().register_instance(instance)

    def has_table(self, table_name: str) -> bool:
        """Return whether a table exists; Dagster checks that for each event, and tables stay."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of a run in one transaction per database.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: It failed; nothing is stored.
        """
        run_id = events[0].run_id
        # Other threads wait. The database opened last is committed first.
        with self._lock, self._connect(INDEX_SHARD_NAME) as index, self._connect(run_id) as run:
            self._batch = {INDEX_SHARD_NAME: index, run_id: run}
            try:
                super().store_event_batch(events)
                for event, event_id in self._of_assets.values():
                    super()._store_asset_event(index, event, event_id)
                store_evaluations(self, index, self._evaluations)
            finally:
                self._batch, self._of_assets, self._evaluations = {}, {}, []

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Update the row of an asset: within a batch, only for the last event of each kind.

        Others see no more than that anyway, and updating it for each event costs a third more.
        """
        if not self._batch or event.dagster_event is None:
            super()._store_asset_event(conn, event, event_id)
            return
        kind = event.dagster_event.asset_key, event.dagster_event_type
        self._of_assets.pop(kind, None)
        self._of_assets[kind] = event, event_id

    def store_asset_check_event(self, event: EventLogEntry, event_id: int | None) -> None:
        """Store what a check plans or has found; the findings of a batch, together at its end."""
        is_found = event.dagster_event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        with self._lock:
            if self._batch and is_found and event_id:
                self._evaluations.append((event, event_id))
            else:
                super().store_asset_check_event(event, event_id)

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._lock:
            if shard in self._batch:
                yield self._batch[shard]
                return
            with super()._connect(shard) as connection:
                yield connection


def store_evaluations(
    storage: SqlEventLogStorage,
    connection: Connection,
    events: Sequence[tuple[EventLogEntry, int]],
) -> None:
    """Store evaluations, each with the id of its event, in the database of all assets.

    Dagster updates the row of each planned evaluation by itself, which is much of the cost of
    checking a small day. If one was not planned, this leaves them all to Dagster.
    """
    if not events:
        return
    connection.execute(_FILL, [_row(storage, event, event_id) for event, event_id in events])
    ids = [event_id for _, event_id in events]
    filled = select(func.count()).where(_columns.evaluation_event_storage_id.in_(ids))
    if connection.execute(filled).scalar_one() < len(events):
        for event, event_id in events:
            SqlEventLogStorage.store_asset_check_event(storage, event, event_id)


def _row(storage: SqlEventLogStorage, event: EventLogEntry, event_id: int) -> dict[str, object]:
    found = event.get_dagster_event().asset_check_evaluation_data
    target = found.target_materialization_data
    moment = storage._event_insert_timestamp(event)  # type: ignore[no-untyped-call]
    return {
        "of_asset": found.asset_key.to_string(),
        "of_check": found.check_name,
        "of_run": event.run_id,
        "of_partition": found.partition,
        "execution_status": "SUCCEEDED" if found.passed else "FAILED",
        "evaluation_event": serialize_value(event),
        "evaluation_event_timestamp": moment,
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": target.storage_id if target else None,
    }
