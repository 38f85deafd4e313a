"""Runs that Dagster has given up while their process goes on."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.feed.stream import PagesByDay
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.standing import GivenUpRunError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.streams import stream_of

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")
OLD, NEW = [b'[{"old": 1}]'], [b'[{"new": 1}]']


class GivenUp(list[bytes]):
    """Pages in whose midst Dagster takes the run for dead."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        """Give the new pages of that run."""
        super().__init__(NEW)
        self._context = context

    def __iter__(self) -> Iterator[bytes]:
        """Give them up to the end."""
        run = self._context.run
        self._context.instance.report_run_failed(run, "its worker does not answer")
        return super().__iter__()


def store(base: Path, instance: dg.DagsterInstance, days: int, given_up: str = "") -> None:
    """Store some days, and give the run up in the middle of one of them."""

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(DAYS[0]),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
        pages = {day: NEW if given_up else OLD for day in context.partition_keys}
        if given_up:
            pages[given_up] = GivenUp(context)
        return PagesByDay({day: stream_of(pages[day]) for day in pages})

    dg.materialize(
        [raw_things],
        resources={"io_manager": PartitionDirectoryIOManager(str(base), JsonPages())},
        instance=instance,
        tags=range_tags(DAYS[0], DAYS[days - 1]),
    )


def recorded(instance: dg.DagsterInstance) -> int:
    """Count the materializations and observations."""
    key = dg.AssetKey("raw_things")
    return len(instance.fetch_materializations(key, limit=100).records) + len(
        instance.fetch_observations(key, limit=100).records
    )


def test_a_run_that_was_given_up_stores_and_records_nothing(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        store(tmp_path, instance, days=1)
        before = tree(tmp_path / "raw")
        with pytest.raises(GivenUpRunError, match="is FAILURE for Dagster"):
            store(tmp_path, instance, days=1, given_up=DAYS[0])
        assert tree(tmp_path / "raw") == before
        assert recorded(instance) == 1


def test_a_range_that_is_given_up_in_its_middle_records_none_of_its_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_assets.storage.standing.SECONDS", 0)
    with dg.DagsterInstance.ephemeral() as instance:
        store(tmp_path, instance, days=3)
        with pytest.raises((GivenUpRunError, FailedDaysError)) as raised:
            store(tmp_path, instance, days=3, given_up=DAYS[1])
        assert "has given it up" in str(raised.value)
        stored = tree(tmp_path / "raw")
        assert [b"new" in stored[path] for path in sorted(stored)] == [True, False, False]
        assert recorded(instance) == 3
