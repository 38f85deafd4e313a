"""What checks have found of many days, put into Dagster's table in one go.

Dagster makes a row for each day when it plans a check, and fills it with a statement of its own for
each evaluation, which is much of what the check of a small day costs.
"""

import datetime
from collections.abc import Sequence

from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._serdes import serialize_value
from sqlalchemy import bindparam, func, select
from sqlalchemy.engine import Connection

_columns = AssetCheckExecutionsTable.c
_FILL = AssetCheckExecutionsTable.update().where(
    _columns.asset_key == bindparam("of_asset"),
    _columns.check_name == bindparam("of_check"),
    _columns.run_id == bindparam("of_run"),
    _columns.partition.is_not_distinct_from(bindparam("of_partition")),
)


def fill(connection: Connection, events: Sequence[tuple[EventLogEntry, int]]) -> bool:
    """Fill the rows that were made when checks were planned.

    Args:
        connection: To the database of all assets.
        events: Evaluations, each with the id of its event there; one at least.

    Returns:
        Whether each had such a row.
    """
    connection.execute(_FILL, [_row(event, event_id) for event, event_id in events])
    ids = [event_id for _, event_id in events]
    filled = select(func.count()).where(_columns.evaluation_event_storage_id.in_(ids))
    return bool(connection.execute(filled).scalar_one() == len(events))


def _row(event: EventLogEntry, event_id: int) -> dict[str, object]:
    found = event.get_dagster_event().asset_check_evaluation_data
    status = AssetCheckExecutionRecordStatus
    target = found.target_materialization_data
    time = datetime.datetime.fromtimestamp(event.timestamp, datetime.timezone.utc)
    return {
        "of_asset": found.asset_key.to_string(),
        "of_check": found.check_name,
        "of_run": event.run_id,
        "of_partition": found.partition,
        "execution_status": (status.SUCCEEDED if found.passed else status.FAILED).value,
        "evaluation_event": serialize_value(event),
        "evaluation_event_timestamp": time.replace(tzinfo=None),
        "evaluation_event_storage_id": event_id,
        "materialization_event_storage_id": target.storage_id if target else None,
    }
