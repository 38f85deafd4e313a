"""The event log that is written in batches."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage

from sales_assets.instance.event_log import BATCH_SIZE_VARIABLE, BatchedSqliteEventLogStorage
from sales_assets_tests.helpers.dagster_dev import copy_home
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.pipeline import range_tags
from sales_assets_tests.helpers.programs import Program
from sales_assets_tests.helpers.rides_file import connected, sql
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.things import (
    LAST,
    PAGES,
    STATUSES,
    THINGS_DAYS,
    check_days,
    is_evaluation,
    things,
    things_are_right,
)

pytestmark = pytest.mark.slow

SPAN = 5
MATERIALIZED = "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
MADE = ("create_timestamp", "migration_completed")


@dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[things])
def failing(context: dg.AssetExecutionContext) -> None:
    context.log.info("a line of the log")
    raise ValueError("no")


def materialize(instance: dg.DagsterInstance, *things: Any, last: str = LAST) -> str:
    """Run assets and checks for a range; give the id of the run."""
    result = dg.materialize(
        things,
        resources=PAGES,
        instance=instance,
        tags=range_tags(DAY, last),
        raise_on_error=False,
    )
    return result.run_id


def rows(database: Path) -> dict[str, list[dict[str, Any]]]:
    """All that an event log database holds, but when its rows were made."""
    tables = {}
    with connected(database) as connection:
        for name in sqlalchemy.inspect(connection).get_table_names():
            found = connection.exec_driver_sql(f"SELECT * FROM {name}").mappings()  # noqa: S608
            tables[name] = [{key: row[key] for key in row if key not in MADE} for row in found]
    return tables


def databases(instance: dg.DagsterInstance, run_id: str) -> Sequence[Path]:
    """The two databases that a run writes."""
    directory = Path(instance.root_directory) / "history/runs"
    return directory / "index.db", directory / f"{run_id}.db"


def stored(instance: dg.DagsterInstance, run_id: str) -> list[int]:
    """Count the materializations in both databases."""
    return [sql(database, MATERIALIZED)[0][0] for database in databases(instance, run_id)]


@pytest.mark.parametrize(
    ("made", "last"),
    [((things,), DAY), ((things, failing, things_are_right), LAST)],
    ids=["one day", "a failed range with a check"],
)
def test_the_tables_are_those_that_dagsters_own_class_writes_of_the_same_events(
    made: tuple[Any, ...], last: str, shipped: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = materialize(shipped, *made, last=last)
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
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "0")
    with dg.DagsterInstance.from_config(home):
        assert os.environ[BATCH_SIZE_VARIABLE] == "0"
    monkeypatch.delenv(BATCH_SIZE_VARIABLE)
    with dg.DagsterInstance.from_config(home):
        assert int(os.environ[BATCH_SIZE_VARIABLE]) > 1


def test_a_batch_that_fails_leaves_nothing(shipped: dg.DagsterInstance) -> None:
    run_id = materialize(shipped, things)
    events = shipped.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    stranger: Any = SimpleNamespace(run_id=run_id)
    with pytest.raises(AttributeError):
        shipped.event_log_storage.store_event_batch([*events[:3], stranger])
    assert stored(shipped, run_id) == [SPAN, SPAN]


STORE = """
import sys
import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

stored = 0
own = SqliteEventLogStorage.store_event

def halting(self, event):
    global stored
    own(self, event)
    stored += 1
    if stored == 4:
        print("halted", flush=True)
        sys.stdin.read()

SqliteEventLogStorage.store_event = halting
with dg.DagsterInstance.get() as instance:
    events = instance.all_logs(sys.argv[1], of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    instance.event_log_storage.store_event_batch(events)
"""


@pytest.fixture
def halted(shipped: dg.DagsterInstance, tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """A process that has stored four of five events of a batch, and waits; and the run's id."""
    run_id = materialize(shipped, things)
    with Program(
        [sys.executable, "-c", STORE, run_id],
        tmp_path / "log",
        env={**os.environ, "DAGSTER_HOME": shipped.root_directory},
        stdin=subprocess.PIPE,
    ) as process:
        process.wait_until(lambda: "halted" in process.log.read_text())
        yield process, run_id


def test_kill_9_in_the_middle_of_a_batch_leaves_nothing_of_it(
    shipped: dg.DagsterInstance, halted: tuple[Program, str]
) -> None:
    process, run_id = halted
    process.kill()
    assert stored(shipped, run_id) == [SPAN, SPAN]
    assert stored(shipped, materialize(shipped, things)) == [2 * SPAN, SPAN]


def test_others_read_while_a_batch_is_written_and_see_it_as_a_whole(
    shipped: dg.DagsterInstance, halted: tuple[Program, str]
) -> None:
    process, run_id = halted
    assert shipped.get_latest_materialization_event(things.key)
    assert stored(shipped, run_id) == [SPAN, SPAN]
    process.communicate()
    assert stored(shipped, run_id) == [2 * SPAN, 2 * SPAN]


def test_a_home_of_dagsters_default_works_on_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "3")
    ours = (PROJECT / "dagster_home/dagster.yaml").read_text()
    kinds, totals = [], []
    for configuration in ("", ours, "telemetry: {enabled: false}\n"):
        (tmp_path / "dagster.yaml").write_text(configuration)
        with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
            run_id = materialize(instance, things)
            kinds.append(type(instance.event_log_storage))
            totals.append(stored(instance, run_id)[0])
            days = instance.get_materialized_partitions(things.key)
    default = SqliteEventLogStorage
    assert kinds == [default, BatchedSqliteEventLogStorage, default]
    assert totals == [SPAN, 2 * SPAN, 3 * SPAN]
    assert len(days) == SPAN
