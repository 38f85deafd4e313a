"""Runs of the same days in any order of their steps, by clocks that are hours apart.

Whatever happened, what is stored is recorded in the end, and stg is made from the raw that is
stored, or the automation asks for it.
"""

import threading
import time
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import dagster as dg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sales_assets.feed.daily import knowingly
from sales_assets.feed.page import Page
from sales_assets.feed.stream import DayStream, PagesByDay, StreamResult
from sales_assets.status import status
from sales_assets.storage.automation import follows_its_source
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets.verify import Verification
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import range_tags
from sales_assets_tests.helpers.turns import Turns

DAYS = ("2022-08-09", "2022-08-10")
PARTITIONS = dg.DailyPartitionsDefinition(DAYS[0], end_date="2022-08-11")
CLOCK = threading.local()
"""Hours by which the clock of a thread is ahead."""


class Run(NamedTuple):
    """A run: its asset, its days, and by how many hours its clock is ahead."""

    asset: str
    days: Sequence[str]
    clock: int = 0


RUNS = st.builds(
    Run,
    st.sampled_from(["raw_things", "stg_things"]),
    st.sampled_from([DAYS[:1], DAYS[1:], DAYS]),
    st.sampled_from([-3, 0, 2]),
)


class Installation:
    """A storage, an instance, and two assets whose streams take turns."""

    def __init__(self, place: Path, turns: Turns, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._turns = turns
        self._versions = 0
        self._storage = PartitionDirectoryIOManager(str(place / "storage"), JsonPages())
        raw = Layer(dg.AssetKey("raw_things"), PARTITIONS, self._storage)
        stg = Layer(dg.AssetKey("stg_things"), PARTITIONS, self._storage, made_from=raw)
        self.layers = [raw, stg]
        with knowingly():
            self._assets = self._made(follows_its_source(stg, raw))

    def _made(self, condition: dg.AutomationCondition[Any]) -> list[dg.AssetsDefinition]:
        @dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run())
        def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
            return PagesByDay({day: DayStream(self._pull) for day in context.partition_keys})

        @dg.asset(
            partitions_def=PARTITIONS,
            backfill_policy=dg.BackfillPolicy.single_run(),
            automation_condition=condition,
        )
        def stg_things(raw_things: PagesByDay) -> PagesByDay:
            return PagesByDay({day: self._converted(raw_things[day]) for day in raw_things})

        return [raw_things, stg_things]

    def _pull(self) -> Generator[Page, None, StreamResult]:
        self._versions += 1
        yield Page(b'[{"version": %d}]' % self._versions)
        self._turns.wait()
        return StreamResult({"dagster/row_count": 1})

    def _converted(self, stream: DayStream[Page]) -> DayStream[Page]:
        def read() -> Generator[Page, None, StreamResult]:
            yield from stream
            self._turns.wait()
            facts = stream.result
            return StreamResult(
                {**facts.metadata, "dagster/row_count": 1}, is_current=facts.is_current
            )

        return DayStream(read, stream.made_from)

    def do(self, run: Run) -> None:
        """Materialize days of an asset; some may fail."""
        CLOCK.ahead = run.clock
        definitions = dg.Definitions(self._assets, resources={"io_manager": self._storage})
        job = definitions.resolve_implicit_global_asset_job_def()
        job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(run.asset)],
            tags=range_tags(run.days[0], run.days[-1]),
            raise_on_error=False,
        )

    def follow(self) -> None:
        """Let the automation have its way, as long as it asks for something."""
        cursor = None
        for _ in range(4):
            result = dg.evaluate_automation_conditions(
                dg.Definitions(self._assets), self.instance, cursor=cursor
            )
            cursor = result.cursor
            days = sorted(filter(None, result.get_requested_partitions(dg.AssetKey("stg_things"))))
            for day in days:
                self.do(Run("stg_things", [day]))
            if not days:
                return
        raise AssertionError(f"asked again and again for {days}")

    def differences(self) -> list[str]:
        """Say what `verify` finds."""
        verification = Verification(self.instance, self.layers)
        return [str(one) for day in verification.days() for one in verification.day(day)]


def tell(runs: Sequence[Run], order: Sequence[int]) -> None:
    """Have these runs take turns in this order, and look at what comes of it."""
    with TemporaryDirectory() as place, dg.DagsterInstance.ephemeral() as instance:
        turns = Turns()
        there = Installation(Path(place), turns, instance)
        there.do(Run("raw_things", DAYS))
        for run in runs:
            turns.start(partial(there.do, run))
        for _ in turns.take(order):
            if any(not run.is_finished for run in instance.get_runs()):
                assert all("a run may be storing it" in one for one in there.differences())
        there.follow()
        assert there.differences() == []
        files = tree(Path(place) / "storage")
        stored = {name: body for name, body in files.items() if name.startswith("raw")}
        # stg is a copy of raw.
        assert files == stored | {name.replace("raw", "stg", 1): stored[name] for name in stored}
        layers = status(instance, there.layers, DAYS[0], DAYS[-1], lookback=0)
        assert all(layer.is_whole for layer in layers.values())


@pytest.fixture(autouse=True, scope="module")
def clocks() -> Generator[None, None, None]:
    """Have each thread go by the clock of its own machine."""
    real = time.time
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + 3600 * getattr(CLOCK, "ahead", 0))
        yield


@pytest.mark.parametrize("examples", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_runs_in_any_order_of_their_steps_are_recorded_as_they_end(examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(RUNS, min_size=2, max_size=4), st.lists(st.integers(0, 5), max_size=20))
    def any_order(runs: list[Run], order: list[int]) -> None:
        tell(runs, order)

    any_order()


def test_stg_of_a_raw_that_was_replaced_before_it_was_recorded_is_made_again() -> None:
    """A range of stg has read day 1; raw of day 1 is pulled again; the range ends after that."""
    tell([Run("stg_things", DAYS), Run("raw_things", DAYS[:1])], [0, 0, 1, 1, 0, 0])


def test_a_record_by_a_clock_that_was_ahead_does_not_outlive_the_next_one() -> None:
    tell([Run("raw_things", DAYS, 2), Run("raw_things", DAYS, -3)], [0, 0, 0, 1, 1, 1])
