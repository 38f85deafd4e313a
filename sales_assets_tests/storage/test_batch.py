"""The days of one run: those that fail, those that do not, and what is said of them."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import EveryDayFailsError
from sales_assets.storage.batch import DayBatch, GivenUpRunError, advise_on_events
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.things import Things

LOG = logging.getLogger(__name__)
DAYS = tuple(f"2022-08-{day:02}" for day in range(9, 14))
FIRST, SECOND, LAST = DAYS[:3]
OLD, NEW = [b'[{"old": 1}]'], [b'[{"new": 1}]']


@pytest.fixture(autouse=True)
def _lines_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.mark.parametrize("error", [EveryDayFailsError("refused"), KeyboardInterrupt()])
def test_a_day_under_way_ends_early_and_without_an_outcome_when_no_day_can_succeed(
    error: BaseException,
) -> None:
    batch = DayBatch("raw_things", DAYS[:2], LOG)
    is_under_way, has_ended, never = (threading.Event() for _ in range(3))

    def action(day: str) -> dict[str, Any]:
        if day == DAYS[1]:
            assert is_under_way.wait(60)
            raise error
        try:
            # Some processor time has to be left, else the other day is not begun.
            for _ in batch.until_stopped(iter(lambda: never.wait(0.01), None)):
                is_under_way.set()
        finally:
            has_ended.set()
        return {}

    with pytest.raises((FailedDaysError, KeyboardInterrupt)):
        batch.run(action, side_by_side=2)
    assert has_ended.wait(60)
    failed = [DAYS[1]] if isinstance(error, Exception) else []
    assert ([*batch.stored], [*batch.failed]) == ([], failed)


def test_days_that_wait_are_done_side_by_side() -> None:
    all_wait = threading.Barrier(len(DAYS), timeout=30)

    def action(day: str) -> dict[str, Any]:
        return {"was": all_wait.wait() >= 0}

    batch = DayBatch("raw_things", DAYS, LOG)
    batch.run(action, side_by_side=len(DAYS))
    assert [*batch.failed] == []


class GivenUp(list[bytes]):
    """Pages in whose midst Dagster takes the run for dead."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__(NEW)
        self._instance = instance

    def __iter__(self) -> Iterator[bytes]:
        [run] = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        self._instance.report_run_failed(run, "its worker does not answer")
        return super().__iter__()


def test_a_run_that_was_given_up_stores_and_records_nothing(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    things = Things(tmp_path, instance)
    things.store({FIRST: OLD})
    before = tree(tmp_path / "raw")
    with pytest.raises(GivenUpRunError, match=r"has already marked run .* as FAILURE"):
        things.store({FIRST: GivenUp(instance)})
    assert tree(tmp_path / "raw") == before
    assert (things.times_recorded, things.observations) == ({FIRST: 1}, [])


def test_a_range_that_is_given_up_in_its_middle_records_none_of_its_days(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_assets.storage.batch.SECONDS_BETWEEN_LOOKS", 0)
    things = Things(tmp_path, instance)
    things.store(dict.fromkeys(DAYS[:3], OLD))
    with pytest.raises((GivenUpRunError, FailedDaysError), match="has already marked run"):
        things.store({FIRST: NEW, SECOND: GivenUp(instance), LAST: NEW})
    stored = tree(tmp_path / "raw")
    assert [b"new" in stored[path] for path in sorted(stored)] == [True, False, False]
    assert (things.times_recorded, things.observations) == (dict.fromkeys(DAYS[:3], 1), [])


def stored(day: str, rows: int, change: str) -> dict[str, dict[str, Any]]:
    path = dg.MetadataValue.path(f"/base/raw/sales/{day}")
    return {day: {"dagster/row_count": rows, "change": change, "path": path}}


@pytest.mark.parametrize(("failed", "said"), [(0, ""), (2, " 2 failed,")])
def test_a_range_says_how_far_it_has_come_when_it_is_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, failed: int, said: str
) -> None:
    batch = DayBatch("raw_sales", DAYS, LOG)
    batch.stored |= stored(DAYS[0], 1338, "unchanged")
    batch.failed |= dict.fromkeys(DAYS[1 : 1 + failed], ValueError())
    for seconds in (0, 3600):
        monkeypatch.setattr("sales_assets.storage.batch._SECONDS_BETWEEN_LINES", seconds)
        batch.log_progress()
    [line] = caplog.messages
    assert line.startswith(f"raw_sales: 1 of 5 days stored,{said} 1,338 rows, ")


CHANGES = ("first version", "unchanged", "+3 -1 rows", "same rows, different bytes")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "raw_sales 2022-08-09: 400 rows, first version, in /base/raw/sales/2022-08-09"),
        (4, "raw_sales: 4 days stored (2 changed, 1 new, 1 unchanged), 1,600 rows, "),
    ],
)
def test_in_the_end_it_says_what_changed(
    caplog: pytest.LogCaptureFixture, count: int, said: str
) -> None:
    batch = DayBatch("raw_sales", DAYS[:count], LOG)
    for day, change in zip(DAYS[:count], CHANGES[:count], strict=True):
        batch.stored |= stored(day, 400, change)
    batch.log_result()
    [line] = caplog.messages
    assert line.startswith(said)


def test_a_long_range_in_a_home_that_stores_events_one_by_one_is_told_what_to_add(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    days = [f"2022-08-{day:02}" for day in range(1, 31)]

    def told(instance: dg.DagsterInstance, days: list[str]) -> list[str]:
        caplog.clear()
        advise_on_events(LOG, instance, days)
        return [record.getMessage() for record in caplog.records if record.name == LOG.name]

    with dg.DagsterInstance.local_temp(str(tmp_path)) as plain:
        assert told(plain, days[:2]) == []
        [text] = told(plain, days)
    added = yaml.safe_load(text.partition("dagster.yaml:\n")[2])
    with dg.instance_for_test(overrides=added) as instance:
        assert told(instance, days) == []
