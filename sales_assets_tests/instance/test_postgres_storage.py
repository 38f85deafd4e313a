"""The storages in Postgres: their connections, and the results of checks."""

import dagster as dg
import pytest
import sqlalchemy

pytest.importorskip("dagster_postgres")

from sales_assets.instance.postgres_storage import PooledPostgresRunStorage
from sales_assets_tests.helpers.programs import in_child
from sales_assets_tests.helpers.rides_file import sql
from sales_assets_tests.helpers.things import (
    STATUSES,
    check_days,
    is_evaluation,
    things_are_right,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`"),
]

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def connections(postgres: str) -> list[int]:
    """The server's processes for the connections to this database."""
    return [pid for (pid,) in sql(postgres, f"SELECT pid {OTHERS}")]


def test_the_storages_of_a_process_make_few_connections_and_keep_one(
    deployed: dg.DagsterInstance, postgres: str
) -> None:
    made: list[object] = []
    on_connect = (sqlalchemy.pool.Pool, "connect", lambda connection, _: made.append(connection))
    sqlalchemy.event.listen(*on_connect)
    try:
        check_days(deployed)
    finally:
        sqlalchemy.event.remove(*on_connect)
    # One statement within another takes a second one for a moment.
    assert 1 <= len(made) <= 10
    [kept] = connections(postgres)
    with dg.DagsterInstance.from_config(deployed.root_directory) as another:
        assert len(another.get_runs()) == 1
    assert connections(postgres) == [kept]


def test_a_connection_that_the_server_has_closed_is_made_anew(
    deployed: dg.DagsterInstance, postgres: str
) -> None:
    deployed.get_runs()
    assert sql(postgres, f"SELECT pg_terminate_backend(pid) {OTHERS}") == [(True,)]
    check_days(deployed)
    assert len(deployed.get_runs()) == 1


def test_a_process_that_forks_shares_no_connection_with_the_other(postgres: str) -> None:
    def pid() -> object:
        with storage.connect() as connection:
            return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()

    def connect_anew() -> None:
        assert pid() != before

    storage = PooledPostgresRunStorage(postgres)
    before = pid()
    assert in_child(connect_anew) == 0
    assert pid() == before


def results(instance: dg.DagsterInstance) -> list[str]:
    """The stored results of the check, in the order of its days."""
    storage = instance.event_log_storage
    history = storage.get_asset_check_execution_history(things_are_right.check_key, limit=100)
    for row in history:
        assert row.event
        evaluation = row.event.get_dagster_event().asset_check_evaluation_data
        assert evaluation.partition == row.partition
    return [row.status.value for row in sorted(history, key=lambda row: row.partition or "")]


@pytest.mark.parametrize("size", ["0", "3"], ids=["one by one", "in batches"])
def test_the_results_of_checks_are_stored(
    deployed: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", size)
    assert len([*filter(is_evaluation, check_days(deployed))]) == len(STATUSES)
    assert results(deployed) == STATUSES


def test_the_results_of_unplanned_checks_are_stored(
    deployed: dg.DagsterInstance, instance: dg.DagsterInstance
) -> None:
    deployed.event_log_storage.store_event_batch([*filter(is_evaluation, check_days(instance))])
    assert results(deployed) == STATUSES
