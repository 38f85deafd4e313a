"""Dagster's storages in Postgres, with a connection pool.

Dagster's own storages open a connection for each statement: 190 for a run of ten days, which cost
Postgres eight times as much CPU as the statements. Here, all storages of a process share one pool:
a single connection stays open, and more come and go while threads need them at the same time. The
tables are Dagster's.
"""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import (
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_postgres.utils import create_pg_engine, pg_url_from_config
from sqlalchemy import Engine
from typing_extensions import Self

from sales_assets.instance.event_log import store_evaluations
from sales_assets.instance.heartbeat import BeatingEventLog
from sales_assets.instance.outages import RetryingEventLog

_SECONDS_UNHEARD = 120
"""How long the server may leave a connection without a response."""


class PooledStorage:
    """Mixed into a storage of Dagster, it takes connections from the pool of the process."""

    _engine: Engine

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)  # type: ignore[call-arg]
        self._engine = _pool(postgres_url)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Create it from its section of `dagster.yaml`; Dagster's would create its own class."""
        return cls(pg_url_from_config(config_value), inst_data=inst_data)


class PooledPostgresRunStorage(PooledStorage, PostgresRunStorage):
    """Dagster's runs in Postgres."""


class PooledPostgresScheduleStorage(PooledStorage, PostgresScheduleStorage):
    """Dagster's ticks of schedules and sensors in Postgres."""


class PooledPostgresEventLogStorage(
    BeatingEventLog, RetryingEventLog, PooledStorage, PostgresEventLogStorage
):
    """Dagster's Postgres event log, with heartbeats, retries and batches of check results."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; Dagster's own class refuses batches of check results."""
        evaluation = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        if any(event.dagster_event_type != evaluation for event in events):
            super().store_event_batch(events)
            return
        insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self.index_transaction() as connection:
            ids = [row[0] for row in connection.execute(insert)]
            store_evaluations(self, connection, [*zip(events, ids, strict=True)])


@functools.cache
def _pool(postgres_url: str) -> Engine:
    engine: Engine = create_pg_engine(
        postgres_url,
        isolation_level="AUTOCOMMIT",
        pool_size=1,
        max_overflow=-1,
        # Replaces a connection that Postgres has closed, as by a restart.
        pool_pre_ping=True,
        connect_args={"tcp_user_timeout": _SECONDS_UNHEARD * 1000},
    )
    # Two processes cannot share a connection.
    os.register_at_fork(after_in_child=functools.partial(engine.dispose, close=False))
    return engine
