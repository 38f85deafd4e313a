"""The event log in Postgres: what checks have found."""

import dagster as dg
import pytest

pytest.importorskip("dagster_postgres")


from sales_assets_tests.helpers.checked_days import (
    STATUSES,
    check_days,
    is_evaluation,
    things_are_right,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`"),
]

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


@pytest.mark.parametrize("size", ["0", "3"], ids=["one by one", "by the batch"])
def test_what_checks_have_found_is_stored(
    deployed: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
    events = check_days(deployed)
    assert len([*filter(is_evaluation, events)]) == len(STATUSES)
    history = deployed.event_log_storage.get_asset_check_execution_history(
        things_are_right.check_key, limit=100
    )
    rows = sorted(history, key=lambda row: row.partition or "")
    assert [row.status.value for row in rows] == STATUSES
    found = [row.event.get_dagster_event().asset_check_evaluation_data for row in rows if row.event]
    assert [one.partition for one in found] == [row.partition for row in rows]


def test_what_checks_have_found_without_having_been_planned_is_stored_too(
    deployed: dg.DagsterInstance, instance: dg.DagsterInstance
) -> None:
    deployed.event_log_storage.store_event_batch([*filter(is_evaluation, check_days(instance))])
    history = deployed.event_log_storage.get_asset_check_execution_history(
        things_are_right.check_key, limit=100
    )
    rows = sorted(history, key=lambda row: row.partition or "")
    assert [row.status.value for row in rows] == STATUSES
