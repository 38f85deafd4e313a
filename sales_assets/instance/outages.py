"""A run that lost its database or its object store is started again.

Run retries start a run again that crashed, and leave one alone whose step failed: it has said why,
and would fail again. But a step also fails when Postgres is restarted in the middle of a statement,
or when the object store is away for longer than its client waits. That says nothing about the data.
"""

import re
from collections.abc import Iterator

import dagster as dg
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG
from dagster_shared.error import SerializableErrorInfo

_LOST = re.compile(
    # Errors of other databases have the same class names: only the module tells.
    r"dagster_postgres\.utils\.DagsterPostgresException\b"
    r"|psycopg2\.(DatabaseError|InterfaceError|OperationalError)\b"
    r"|psycopg2\.errors\.(AdminShutdown|CannotConnectNow|ConnectionFailure|CrashShutdown)\b"
    r"|botocore\.exceptions\.\w*(Connect|Connection|Timeout|HTTPClient)\w*Error\b"
    r"|botocore\.exceptions\.ClientError: An error occurred \((500|503|Internal|Service|SlowDown)"
    r"|aiohttp\.client_exceptions\.(Client(Connector|OS|Payload)|ServerTimeout|ServerDisconnected)"
)
"""How the text of an error begins that says that a service is away."""


class RetryingEventLog(SqlEventLogStorage):
    """Mixed into an event log, it marks a run that lost a service as one to be retried."""

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event; if it is the failure of a step that lost a service, mark its run."""
        if event.dagster_event_type == dg.DagsterEventType.STEP_FAILURE and event.dagster_event:
            error = event.dagster_event.step_failure_data.error
            if any(_LOST.match(one.message) for one in _chain(error)):
                marked = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"}
                self._instance.add_run_tags(event.run_id, marked)
        super().store_event(event)


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    while error:
        yield error
        error = error.cause or error.context
