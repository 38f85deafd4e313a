"""The event log of an installation, in Postgres.

Runs beat, and those that lost a service are retried. What checks have found is stored by the batch,
as Dagster's own class does with other events. The tables stay Dagster's own.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster_postgres import PostgresEventLogStorage

from sales_assets.instance import check_evaluations
from sales_assets.instance.heartbeat import BeatingEventLog
from sales_assets.instance.outages import RetryingEventLog
from sales_assets.instance.postgres_storage import PooledStorage


class RetryingPostgresEventLogStorage(
    BeatingEventLog, RetryingEventLog, PooledStorage, PostgresEventLogStorage
):
    """Dagster's Postgres event log, with what the modules above add."""

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events; Dagster's own class knows no batches of what checks have found."""
        evaluation = dg.DagsterEventType.ASSET_CHECK_EVALUATION
        if any(event.dagster_event_type != evaluation for event in events):
            super().store_event_batch(events)
            return
        insert = self.prepare_insert_event_batch(events).returning(SqlEventLogStorageTable.c.id)
        with self.index_transaction() as connection:
            ids = [row[0] for row in connection.execute(insert)]
            stored = [*zip(events, ids, strict=True)]
            filled = check_evaluations.fill(connection, stored)
        if not filled:
            for event, event_id in stored:
                self.store_asset_check_event(event, event_id)
