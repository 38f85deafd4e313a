"""The event log in Postgres: which failed runs are started again."""

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
import sqlalchemy

pytest.importorskip("dagster_postgres")

from dagster._core.storage.tags import WILL_RETRY_TAG

from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.checked_days import (
    STATUSES,
    check_days,
    is_evaluation,
    things_are_right,
)
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.streams import stream_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`"),
]

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


def cut(address: str) -> None:
    """Be in the middle of a statement when the server ends the connection."""
    with sqlalchemy.create_engine(address).connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_terminate_backend(pg_backend_pid())"))


def will_retry(instance: dg.DagsterInstance, fail: Callable[[], None], first: str = DAYS[0]) -> str:
    """Materialize three days, of which all from the `first` one on fail."""

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(DAYS[0]),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
        def pages(day: str) -> Iterator[bytes]:
            if day >= first:
                fail()
            yield b'[{"a": 1}]'

        return PagesByDay({day: stream_of(pages(day)) for day in context.partition_keys})

    storage = PartitionDirectoryIOManager(instance.root_directory, JsonPages())
    result = dg.materialize(
        [raw_things],
        resources={"io_manager": storage},
        instance=instance,
        tags=range_tags(DAYS[0], DAYS[-1]),
        raise_on_error=False,
    )
    run = instance.get_run_by_id(result.run_id)
    assert run
    return run.tags[WILL_RETRY_TAG]


@pytest.mark.parametrize("first", DAYS)
def test_a_run_that_lost_its_database_is_started_again(
    deployed: dg.DagsterInstance, postgres: str, first: str
) -> None:
    assert will_retry(deployed, lambda: cut(postgres), first) == "true"


def test_a_run_that_found_no_database_is_started_again(
    deployed: dg.DagsterInstance, postgres: str
) -> None:
    assert will_retry(deployed, lambda: cut(f"{postgres}_of_nobody")) == "true"


def test_a_run_that_failed_for_another_reason_is_left_alone(deployed: dg.DagsterInstance) -> None:
    def fail() -> None:
        raise dg.Failure("a bad row")

    assert will_retry(deployed, fail) == "false"


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
