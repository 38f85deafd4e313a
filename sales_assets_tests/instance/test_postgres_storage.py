"""The storages in Postgres: how many connections they take, and what becomes of those."""

import dagster as dg
import pytest
import sqlalchemy

pytest.importorskip("dagster_postgres")

from sales_assets_tests.helpers.checked_days import check_days
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.rides_file import sql

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
    assert len(connections(postgres)) == 1


def test_another_instance_takes_the_same_connection(
    deployed: dg.DagsterInstance, postgres: str
) -> None:
    deployed.get_runs()
    before = connections(postgres)
    with dg.DagsterInstance.from_config(deployed.root_directory) as another:
        assert another.get_runs() == []
    assert connections(postgres) == before


def test_a_connection_that_the_server_has_closed_is_made_anew(
    deployed: dg.DagsterInstance, postgres: str
) -> None:
    deployed.get_runs()
    assert sql(postgres, f"SELECT pg_terminate_backend(pid) {OTHERS}") == [(True,)]
    check_days(deployed)
    assert len(deployed.get_runs()) == 1


def test_a_process_that_forks_shares_no_connection_with_the_other(
    postgres: str, python: Command
) -> None:
    code = f"""
import os
from sales_assets.instance.postgres_storage import PooledPostgresRunStorage
storage = PooledPostgresRunStorage({postgres!r})
def pid():
    with storage.connect() as connection:
        return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
before = pid()
if os.fork() == 0:
    os._exit(pid() == before)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert pid() == before
"""
    result = python("-c", code)
    assert result.returncode == 0, result.stderr
