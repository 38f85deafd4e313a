"""Retries runs that failed because the database or the object store was down.

Run retries restart a run that crashed, but not one with a failed step, which would fail again. But
a step also fails when Postgres restarts in the middle of a statement, or when the object store is
down for longer than its client waits. Such a failure has nothing to do with the data.
"""

import re

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG

_LOST = re.compile(
    # With the module: errors of other databases have the same class names.
    r"dagster_postgres\.utils\.DagsterPostgresException\b"
    r"|psycopg2\.(DatabaseError|InterfaceError|OperationalError)\b"
    r"|psycopg2\.errors\.(AdminShutdown|CannotConnectNow|ConnectionFailure|CrashShutdown)\b"
    r"|botocore\.exceptions\.\w*(Connect|Connection|Timeout|HTTPClient)\w*Error\b"
    r"|botocore\.exceptions\.ClientError: An error occurred \((429|5\d\d|Busy|Internal|RequestLimit"
    r"|RequestTimeout\b|Service|SlowDown|Throttl|TooMany|XMinioServerNot)"
    r"|aiohttp\.client_exceptions\.(Client(Connector|OS|Payload)|ServerTimeout|ServerDisconnected)"
)
"""How the text of an error begins when a service is down."""


class RetryingEventLog(SqlEventLogStorage):
    """Mixed into an event log, it retries runs that failed because a service was down."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; tag the run for a retry if a step failed because a service was down."""
        if event.dagster_event_type == dg.DagsterEventType.STEP_FAILURE and event.dagster_event:
            error = event.dagster_event.step_failure_data.error
            while error and not _LOST.match(error.message):
                error = error.cause or error.context
            if error:
                retry = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"}
                self._instance.add_run_tags(event.run_id, retry)
        super().store_event(event)
