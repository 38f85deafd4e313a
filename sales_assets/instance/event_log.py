"""An event log in SQLite that stores events by the batch.

Dagster hands over the events of a range in batches: what a run plans, and what it has materialized.
Its Postgres storage makes use of them. Its SQLite storage sets up two databases and commits two
transactions for each event, which takes longer than everything else that happens to a small day.
Here, a batch is one transaction per database, and each engine is made once. What is written, and
where, is Dagster's own affair: directories, files and tables are those of its default storage, and
each opens what the other has left.
"""

import contextlib
import functools
import itertools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import EventLogStorage, SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import NullPool
from typing_extensions import Self

from sales_assets.instance import check_evaluations
from sales_assets.instance.heartbeat import BeatingEventLog
from sales_assets.instance.outages import RetryingEventLog

BATCH_SIZE_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
"""Dagster reads it for each event; without it, or at 0, it makes no batches."""

BATCH_SIZE = "250"
"""More would save little, and keep other processes that write waiting for longer."""

BUSY_SECONDS = 30
"""How long to wait while others write to a database; the same as newer versions of Dagster."""

_INDEX = "index"
"""The database of all assets; any other is named after its run."""


class BatchedSqliteEventLogStorage(BeatingEventLog, RetryingEventLog, SqliteEventLogStorage):
    """Dagster's SQLite event log, written by the batch.

    Opening it makes this process, and the processes that it starts, use batches, unless
    `DAGSTER_EVENT_BATCH_SIZE` is set already.

    Others see a batch as a whole or not at all in each of its two databases: first in that of the
    run, then in that of all assets. A process killed between the two leaves a batch of events in
    the log of its run that their asset does not have, where Dagster's own class leaves one event. A
    batch that fails is rolled back; Dagster then stores its events one by one, as far as that goes.
    """

    def __init__(
        self, base_dir: str | None = None, inst_data: ConfigurableClassData | None = None
    ) -> None:
        """Open the databases, at once or as soon as the instance is known.

        Args:
            base_dir: Their directory; that of Dagster's default unless given.
            inst_data: What Dagster makes this from.
        """
        # Not a setting of ours: Dagster reads it itself.
        os.environ.setdefault(BATCH_SIZE_VARIABLE, BATCH_SIZE)  # noqa: TID251
        self._lock = threading.RLock()
        self._batch: dict[str, Connection] = {}
        self._of_assets: dict[tuple[Any, Any], tuple[EventLogEntry, int]] = {}
        self._evaluations: list[tuple[EventLogEntry, int]] = []
        self._tables: set[str] = set()
        self._inst_data = inst_data
        self._opened = False
        if base_dir is not None:
            self._open(base_dir)
        else:
            EventLogStorage.__init__(self)  # type: ignore[no-untyped-call,arg-type]

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Tell Dagster what may be configured."""
        return {"base_dir": dg.Field(dg.StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Make it from its part of `dagster.yaml`."""
        return cls(inst_data=inst_data, **config_value)

    def register_instance(self, instance: dg.DagsterInstance) -> None:
        """Take note of the instance; open the databases, unless they are open."""
        if not self._opened:
            self._open(str(Path(instance.root_directory) / "history" / "runs"))
        super().register_instance(instance)

    def has_table(self, table_name: str) -> bool:
        """Tell whether there is a table, which Dagster asks for each event; tables stay."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events, those of a run in one transaction a database.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: They cannot be stored; none of that run is.
        """
        for run_id, of_run in itertools.groupby(events, key=lambda event: event.run_id):
            with self._transaction(run_id):
                super().store_event_batch(list(of_run))

    def _open(self, base_dir: str) -> None:
        super().__init__(base_dir, self._inst_data)
        self._opened = True

    @contextlib.contextmanager
    def _transaction(self, run_id: str) -> Iterator[None]:
        # Other threads wait. The database opened last is the first to be committed.
        with self._lock, self._connect(_INDEX) as index, self._connect(run_id) as run:
            self._batch = {_INDEX: index, run_id: run}
            try:
                yield
                for event, event_id in self._of_assets.values():
                    super()._store_asset_event(index, event, event_id)
                self._store_evaluations(index)
            finally:
                self._batch, self._of_assets, self._evaluations = {}, {}, []

    def _store_asset_event(self, conn: Connection, event: EventLogEntry, event_id: int) -> None:
        """Make the row of an asset say what its last event says.

        Of a batch, others only see the last event of each kind; rows for the earlier ones would
        cost a third of the batch.
        """
        if not self._batch or event.dagster_event is None:
            super()._store_asset_event(conn, event, event_id)
            return
        kind = event.dagster_event.asset_key, event.dagster_event_type
        self._of_assets.pop(kind, None)
        self._of_assets[kind] = event, event_id

    def store_asset_check_event(self, event: EventLogEntry, event_id: int | None) -> None:
        """Note what a check has found, or is to look for, in the rows of its days.

        Of a batch, what was found goes into them at once when the batch ends.
        """
        kind = event.dagster_event_type
        if self._batch and kind == dg.DagsterEventType.ASSET_CHECK_EVALUATION and event_id:
            self._evaluations.append((event, event_id))
        else:
            super().store_asset_check_event(event, event_id)

    def _store_evaluations(self, index: Connection) -> None:
        if self._evaluations and not check_evaluations.fill(index, self._evaluations):
            for event, event_id in self._evaluations:
                super().store_asset_check_event(event, event_id)

    @contextlib.contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._lock:
            if shard in self._batch:
                yield self._batch[shard]
                return
            engine = _engine(self.conn_string_for_shard(shard))
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection


@functools.lru_cache(maxsize=16)
def _engine(address: str) -> Engine:
    # It holds no connection, but the statements it has compiled. Dagster makes a new engine for
    # each transaction, which costs more than the transaction.
    return create_engine(address, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})
