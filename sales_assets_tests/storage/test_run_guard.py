"""Runs that Dagster has given up while their process goes on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.storage.run_guard import GivenUpRunError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import DAYS
from sales_assets_tests.helpers.things import THINGS, store_things, times_recorded

FIRST, SECOND, LAST = DAYS
OLD, NEW = [b'[{"old": 1}]'], [b'[{"new": 1}]']


class GivenUp(list[bytes]):
    """Pages in whose midst Dagster takes the run for dead."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__(NEW)
        self._instance = instance

    def __iter__(self) -> Iterator[bytes]:
        [run] = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        self._instance.report_run_failed(run, "its worker does not answer")
        return super().__iter__()


def recorded(instance: dg.DagsterInstance) -> tuple[dict[str | None, int], int]:
    """Count the records of each day, and all observations."""
    return times_recorded(instance), len(instance.fetch_observations(THINGS, limit=9).records)


def test_a_run_that_was_given_up_stores_and_records_nothing(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    store_things(tmp_path, instance, {FIRST: OLD})
    before = tree(tmp_path / "raw")
    with pytest.raises(GivenUpRunError, match=r"has already marked run .* as FAILURE"):
        store_things(tmp_path, instance, {FIRST: GivenUp(instance)})
    assert tree(tmp_path / "raw") == before
    assert recorded(instance) == ({FIRST: 1}, 0)


def test_a_range_that_is_given_up_in_its_middle_records_none_of_its_days(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_assets.storage.run_guard.SECONDS", 0)
    store_things(tmp_path, instance, dict.fromkeys(DAYS, OLD), FIRST, LAST)
    pages = {FIRST: NEW, SECOND: GivenUp(instance), LAST: NEW}
    with pytest.raises((GivenUpRunError, FailedDaysError), match="has already marked run"):
        store_things(tmp_path, instance, pages, FIRST, LAST)
    stored = tree(tmp_path / "raw")
    assert [b"new" in stored[path] for path in sorted(stored)] == [True, False, False]
    assert recorded(instance) == (dict.fromkeys(DAYS, 1), 0)
