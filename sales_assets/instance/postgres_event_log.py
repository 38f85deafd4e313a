"""An event log in Postgres that has a run started again which lost its database.

Run retries start a run again that crashed, and leave one alone whose step failed: it has said why,
and would fail again. A step that was in the middle of a statement when Postgres was restarted has
failed as well, and says nothing of the data.

What checks have found is stored by the batch, too. The tables stay Dagster's own.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorageTable
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG
from dagster_postgres import PostgresEventLogStorage
from dagster_shared.error import SerializableErrorInfo

from sales_assets.instance import check_evaluations
from sales_assets.instance.postgres_storage import PooledStorage

LOST = {"DagsterPostgresException", "DatabaseError", "InterfaceError", "OperationalError"}
"""Errors of a connection that was lost or not made: that of Dagster, and those of the DB-API."""


class RetryingPostgresEventLogStorage(PooledStorage, PostgresEventLogStorage):
    """Dagster's Postgres event log; it marks a run that lost a database as one to be retried."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; if it is the failure of a step that lost a database, mark its run."""
        if event.dagster_event_type == dg.DagsterEventType.STEP_FAILURE and event.dagster_event:
            error = event.dagster_event.step_failure_data.error
            if any(one.cls_name in LOST for one in _chain(error)):
                marked = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"}
                self._instance.add_run_tags(event.run_id, marked)
        super().store_event(event)

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


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error:
        yield error
        error = error.cause or error.context
