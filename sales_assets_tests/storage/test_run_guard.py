"""Runs that Dagster has given up while their process goes on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.storage.run_guard import GivenUpRunError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import DAYS
from sales_assets_tests.helpers.things import Things

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
    monkeypatch.setattr("sales_assets.storage.run_guard.SECONDS", 0)
    things = Things(tmp_path, instance)
    things.store(dict.fromkeys(DAYS, OLD))
    with pytest.raises((GivenUpRunError, FailedDaysError), match="has already marked run"):
        things.store({FIRST: NEW, SECOND: GivenUp(instance), LAST: NEW})
    stored = tree(tmp_path / "raw")
    assert [b"new" in stored[path] for path in sorted(stored)] == [True, False, False]
    assert (things.times_recorded, things.observations) == (dict.fromkeys(DAYS, 1), [])
