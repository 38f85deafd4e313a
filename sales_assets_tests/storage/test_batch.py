"""The days of one run: those that fail, those that do not, and what is said of them."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import EveryDayFailsError
from sales_assets.storage.batch import DayBatch, GivenUpRunError
from sales_assets.storage.progress import Progress
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.things import Things

DAYS = tuple(f"2022-08-{day:02}" for day in range(9, 14))
FIRST, SECOND, LAST = DAYS[:3]
OLD, NEW = [b'[{"old": 1}]'], [b'[{"new": 1}]']


def run(batch: DayBatch, action: Callable[[str], dict[str, Any]], side_by_side: int = 1) -> None:
    """Do the days of a batch, which says nothing meanwhile."""
    batch.run(action, side_by_side, Progress("raw_things", DAYS, logging.getLogger(__name__)))


def test_what_fails_every_day_stops_the_range_at_once() -> None:
    def action(day: str) -> dict[str, Any]:
        if day == DAYS[1]:
            raise EveryDayFailsError("refused")
        return {}

    batch = DayBatch("raw_things", DAYS)
    with pytest.raises(FailedDaysError, match="3 more days were not attempted") as failure:
        run(batch, action)
    assert "--partition-range 2022-08-10...2022-08-13" in str(failure.value)
    assert [*batch.stored] == [DAYS[0]]


@pytest.mark.parametrize("error", [EveryDayFailsError("refused"), KeyboardInterrupt()])
def test_a_day_under_way_ends_early_and_without_an_outcome_when_no_day_can_succeed(
    error: BaseException,
) -> None:
    batch = DayBatch("raw_things", DAYS[:2])
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
        run(batch, action, side_by_side=2)
    assert has_ended.wait(60)
    failed = [DAYS[1]] if isinstance(error, Exception) else []
    assert ([*batch.stored], [*batch.failed]) == ([], failed)


def test_days_that_wait_are_done_side_by_side() -> None:
    all_wait = threading.Barrier(len(DAYS), timeout=30)

    def action(day: str) -> dict[str, Any]:
        return {"was": all_wait.wait() >= 0}

    batch = DayBatch("raw_things", DAYS)
    run(batch, action, side_by_side=len(DAYS))
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
