"""Which failed runs are started again: those that lost a service."""

import sqlite3
from collections.abc import Callable, Iterator

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.tags import WILL_RETRY_TAG
from upath import UPath

from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.pipeline import range_tags
from sales_assets_tests.helpers.programs import free_port
from sales_assets_tests.helpers.raw_server import RawServer, always
from sales_assets_tests.helpers.streams import stream_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`"),
]

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


def will_retry(
    instance: dg.DagsterInstance, fail: Callable[[], object], first: str = DAYS[0]
) -> str:
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


def statement(address: str) -> None:
    """Be in the middle of a statement when the server ends the connection."""
    with sqlalchemy.create_engine(address).connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_terminate_backend(pg_backend_pid())"))


@pytest.mark.parametrize("first", [DAYS[0], DAYS[-1]])
def test_a_run_that_lost_its_database_is_started_again(
    deployed: dg.DagsterInstance, postgres: str, first: str
) -> None:
    assert will_retry(deployed, lambda: statement(postgres), first) == "true"


def test_a_run_that_found_no_database_is_started_again(either: dg.DagsterInstance) -> None:
    pytest.importorskip("psycopg2")
    nobody = f"postgresql://dagster@127.0.0.1:{free_port()}/dagster"
    assert will_retry(either, lambda: statement(nobody)) == "true"


@pytest.mark.parametrize("status", [None, 429, 500, 503])
def test_a_run_whose_object_store_was_away_or_refused_for_too_long_is_started_again(
    shipped: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    reply = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % (status or 0)
    with RawServer(always(reply)) as server:
        url = server.url if status else f"http://127.0.0.1:{free_port()}"
        store = UPath("s3://bucket/day", endpoint_url=url)
        assert will_retry(shipped, store.read_bytes) == "true"


def no_table() -> None:
    """Fail in a database that is no service: its errors have the names of those of Postgres."""
    sqlite3.connect(":memory:").execute("SELECT * FROM rides")


def no_file() -> None:
    """Fail so by way of the library that talks to both."""
    sqlalchemy.create_engine("sqlite:////nowhere/rides.db").connect()


def bad_row() -> None:
    """Fail as our own code does."""
    raise dg.Failure("a bad row")


@pytest.mark.parametrize("fail", [no_table, no_file, bad_row])
def test_a_run_that_failed_for_another_reason_is_left_alone(
    shipped: dg.DagsterInstance, fail: Callable[[], object]
) -> None:
    assert will_retry(shipped, fail) == "false"
