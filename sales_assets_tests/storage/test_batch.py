"""The days of one run: those that fail, those that do not, and what is said of them."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import EveryDayFailsError
from sales_assets.storage.batch import DayBatch
from sales_assets.storage.progress import Progress

DAYS = tuple(f"2022-08-{day:02}" for day in range(9, 14))
SIDE_BY_SIDE = pytest.mark.parametrize("side_by_side", [1, 4])


def batch_of(days: Sequence[str]) -> DayBatch:
    return DayBatch("raw_things", days, ["reader"])


def run(batch: DayBatch, action: Callable[[str], dict[str, Any]], side_by_side: int = 1) -> None:
    """Do the days of a batch, which says nothing meanwhile."""
    batch.run(action, side_by_side, Progress("raw_things", DAYS, logging.getLogger(__name__)))


def failing(errors: Mapping[str, BaseException]) -> Callable[[str], dict[str, Any]]:
    """Give an action that fails for some days."""

    def action(day: str) -> dict[str, Any]:
        if day in errors:
            raise errors[day]
        return {"of": day}

    return action


@SIDE_BY_SIDE
def test_each_day_has_an_outcome_of_its_own(side_by_side: int) -> None:
    batch = batch_of(DAYS)
    broken = OSError("broken")
    with pytest.raises(FailedDaysError, match="1 of 5 days failed"):
        run(batch, failing({DAYS[1]: broken}), side_by_side)
    assert batch.stored == {day: {"of": day} for day in DAYS if day != DAYS[1]}
    assert batch.failed == {DAYS[1]: broken}


def test_what_fails_every_day_stops_the_range_at_once() -> None:
    batch = batch_of(DAYS)
    with pytest.raises(FailedDaysError, match="3 days more were not tried") as failure:
        run(batch, failing({DAYS[1]: EveryDayFailsError("refused")}))
    assert "--partition-range 2022-08-10...2022-08-13" in str(failure.value)
    assert [*batch.stored] == [DAYS[0]]


@pytest.mark.parametrize("error", [dg.Failure("no answer"), OSError("broken")])
def test_a_run_of_one_day_fails_with_the_error_of_that_day(error: Exception) -> None:
    with pytest.raises(type(error)) as failure:
        run(batch_of(DAYS[:1]), failing({DAYS[0]: error}), side_by_side=4)
    assert failure.value is error


@SIDE_BY_SIDE
def test_a_run_that_is_stopped_keeps_the_days_that_were_stored(side_by_side: int) -> None:
    batch = batch_of(DAYS[:2])
    first_is_done = threading.Event()

    def action(day: str) -> dict[str, Any]:
        if day == DAYS[0]:
            first_is_done.set()
            return {}
        assert first_is_done.wait(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(batch, action, side_by_side)
    assert batch.stored == {DAYS[0]: {}}
    assert batch.failed == {}


@pytest.mark.parametrize("error", [EveryDayFailsError("refused"), KeyboardInterrupt()])
def test_a_day_under_way_ends_early_and_without_an_outcome_when_no_day_can_succeed(
    error: BaseException,
) -> None:
    batch = batch_of(DAYS[:2])
    is_under_way, has_ended, never = (threading.Event() for _ in range(3))

    def action(day: str) -> dict[str, Any]:
        if day == DAYS[1]:
            assert is_under_way.wait(5)
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
    assert has_ended.wait(5)
    failed = [DAYS[1]] if isinstance(error, Exception) else []
    assert ([*batch.stored], [*batch.failed]) == ([], failed)


def test_days_that_wait_are_done_side_by_side() -> None:
    all_wait = threading.Barrier(len(DAYS), timeout=30)

    def action(day: str) -> dict[str, Any]:
        return {"was": all_wait.wait() >= 0}

    batch = batch_of(DAYS)
    run(batch, action, side_by_side=len(DAYS))
    assert [*batch.failed] == []
