"""The event log that is written in batches."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage

from sales_assets.instance.event_log import BATCH_SIZE_VARIABLE, BatchedSqliteEventLogStorage
from sales_assets_tests.helpers.checked_days import (
    PAGES,
    STATUSES,
    check_days,
    is_evaluation,
    things,
    things_are_right,
)
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT

pytestmark = pytest.mark.slow

DAYS = dg.DailyPartitionsDefinition("2022-08-09", end_date="2022-09-08")
FIRST, LAST, SPAN = "2022-08-09", "2022-08-13", 5
MATERIALIZED = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
MADE = ("create_timestamp", "migration_completed")
ASSET = {"partitions_def": DAYS, "backfill_policy": dg.BackfillPolicy.single_run()}


@dg.asset(**ASSET)  # type: ignore[call-overload, untyped-decorator]
def first(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Something with metadata."""
    context.log.info("a line of the log")
    return dg.MaterializeResult(metadata={"rows": 3})


@dg.asset(**ASSET, deps=[first])  # type: ignore[call-overload, untyped-decorator]
def second() -> None:
    """Something after it."""


@dg.asset(**ASSET, deps=[first])  # type: ignore[call-overload, untyped-decorator]
def failing() -> None:
    """Something that fails."""
    raise ValueError("no")


@dg.asset_check(asset=first)
def check() -> dg.AssetCheckResult:
    """Something that is always right."""
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(autouse=True)
def _batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what opening an instance sets out of other tests."""
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "3")


def materialize(instance: dg.DagsterInstance, *things: Any, last: str = LAST) -> str:
    """Run assets and checks for a range; give the id of the run."""
    result = dg.materialize(
        things,
        resources=PAGES,
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": FIRST,
            "dagster/asset_partition_range_end": last,
        },
        raise_on_error=False,
    )
    return result.run_id


def rows(database: Path) -> dict[str, list[dict[str, Any]]]:
    """All that an event log database holds, but when its rows were made."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: [
                {key: value for key, value in dict(row).items() if key not in MADE}
                for row in connection.execute(f"SELECT * FROM {name}")  # noqa: S608 - of the schema
            ]
            for (name,) in tables.fetchall()
        }


def databases(instance: dg.DagsterInstance, run_id: str) -> Sequence[Path]:
    """The two databases that a run writes."""
    directory = Path(instance.root_directory) / "history/runs"
    return directory / "index.db", directory / f"{run_id}.db"


def count(database: Path, sql: str = MATERIALIZED) -> int:
    """Ask a database for a number."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(sql).fetchone()[0])


@pytest.mark.parametrize(
    ("things", "last"),
    [
        ((first, second), FIRST),
        ((first, second), LAST),
        ((first, failing), LAST),
        ((first, second, check), LAST),
        ((things, things_are_right), LAST),
    ],
    ids=["one day", "a range", "a failed range", "a range with a check", "a check of each day"],
)
def test_the_tables_are_those_that_dagsters_own_class_writes_of_the_same_events(
    things: tuple[Any, ...], last: str, shipped: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = materialize(shipped, *things, last=last)
    own = SqliteEventLogStorage(str(tmp_path / "own"))
    for event in shipped.all_logs(run_id):
        own.store_event(event)
    for database in databases(shipped, run_id):
        written = rows(database)
        assert written["event_logs"]
        assert written == rows(tmp_path / "own" / database.name)


def test_what_was_found_without_having_been_planned_is_stored_too(
    shipped: dg.DagsterInstance, tmp_path: Path
) -> None:
    found = [*filter(is_evaluation, check_days(shipped))]
    (tmp_path / "unplanned").mkdir()
    with dg.DagsterInstance.from_config(str(copy_home(tmp_path / "unplanned"))) as unplanned:
        unplanned.event_log_storage.store_event_batch(found)
        written = rows(databases(unplanned, "")[0])["asset_check_executions"]
    assert [row["execution_status"] for row in written] == STATUSES


def test_events_come_in_batches_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = str(copy_home(tmp_path))
    monkeypatch.delenv(BATCH_SIZE_VARIABLE)
    with dg.DagsterInstance.from_config(home):
        assert int(os.environ[BATCH_SIZE_VARIABLE]) > 1
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "0")
    with dg.DagsterInstance.from_config(home):
        assert os.environ[BATCH_SIZE_VARIABLE] == "0"


def some_events(instance: dg.DagsterInstance) -> list[EventLogEntry]:
    """Materializations of a run that is over, to be stored once more."""
    run_id = materialize(instance, first)
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert len(entries) == SPAN
    return list(entries)


def test_a_batch_that_fails_leaves_nothing(shipped: dg.DagsterInstance) -> None:
    events = some_events(shipped)
    before = [count(database) for database in databases(shipped, events[0].run_id)]
    stranger: Any = SimpleNamespace(run_id=events[0].run_id)
    with pytest.raises(AttributeError):
        shipped.event_log_storage.store_event_batch([*events[:3], stranger])
    assert [count(database) for database in databases(shipped, events[0].run_id)] == before


STORE = """
import os, sys, time
import dagster as dg
from sales_assets.instance.event_log import BatchedSqliteEventLogStorage
from dagster._core.storage.event_log import SqliteEventLogStorage

run_id, halt_at = sys.argv[1], int(sys.argv[2])
stored = 0
own = SqliteEventLogStorage.store_event

def halting(self, event):
    global stored
    own(self, event)
    stored += 1
    if stored == halt_at:
        print("halted", flush=True)
        sys.stdin.read()

SqliteEventLogStorage.store_event = halting
with dg.DagsterInstance.get() as instance:
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    instance.event_log_storage.store_event_batch(events)
"""


@pytest.fixture
def halted(shipped: dg.DagsterInstance) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that has stored four of five events of a batch, and waits; and the run's id."""
    run_id = materialize(shipped, first)
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", STORE, run_id, "4"],
        env={**os.environ, "DAGSTER_HOME": shipped.root_directory},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "halted\n"
        yield process, run_id
        process.kill()


def test_kill_9_in_the_middle_of_a_batch_leaves_nothing_of_it(
    shipped: dg.DagsterInstance, halted: tuple[subprocess.Popen[str], str]
) -> None:
    process, run_id = halted
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [count(database) for database in databases(shipped, run_id)] == [SPAN, SPAN]
    materialize(shipped, first)
    assert count(databases(shipped, run_id)[0]) == 2 * SPAN


def test_others_read_while_a_batch_is_written_and_see_it_as_a_whole(
    shipped: dg.DagsterInstance, halted: tuple[subprocess.Popen[str], str]
) -> None:
    process, run_id = halted
    record = shipped.get_latest_materialization_event(dg.AssetKey("first"))
    assert record is not None
    assert [count(database) for database in databases(shipped, run_id)] == [SPAN, SPAN]
    process.communicate("")
    assert [count(database) for database in databases(shipped, run_id)] == [2 * SPAN, 2 * SPAN]


def test_a_home_of_dagsters_default_works_on_and_back(tmp_path: Path) -> None:
    ours = (PROJECT / "dagster_home/dagster.yaml").read_text()
    kinds, totals = [], []
    for configuration in ("", ours, "telemetry: {enabled: false}\n"):
        (tmp_path / "dagster.yaml").write_text(configuration)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            run_id = materialize(instance, first)
            kinds.append(type(instance.event_log_storage))
            totals.append(count(databases(instance, run_id)[0]))
            days = instance.get_materialized_partitions(dg.AssetKey("first"))
    default = SqliteEventLogStorage
    assert kinds == [default, BatchedSqliteEventLogStorage, default]
    assert totals == [SPAN, 2 * SPAN, 3 * SPAN]
    assert len(days) == SPAN
