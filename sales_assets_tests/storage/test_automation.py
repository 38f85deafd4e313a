"""`stg_sales` follows `raw_sales` by itself, as the automation sensor has it evaluated."""

from collections.abc import Sequence

import dagster as dg
import pytest

from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.automation import follows_its_source
from sales_assets.storage.feeds import layers_of
from sales_assets_tests.helpers.pipeline import BOTH, DAYS, Pipeline, range_tags
from sales_assets_tests.helpers.rows import page, sale

RAW = dg.AssetSelection.assets(raw_sales)
STG = dg.AssetSelection.assets(stg_sales)


class Automation:
    """The sensor, off until its first tick, and the pipeline that it watches."""

    def __init__(self, pipeline: Pipeline) -> None:
        raw, stg = layers_of(FEED, pipeline.resources)
        following = stg_sales.map_asset_specs(
            lambda spec: spec.replace_attributes(automation_condition=follows_its_source(stg, raw))
        )
        self.definitions = dg.Definitions([raw_sales, following], resources=pipeline.resources)
        self.pipeline = pipeline
        self.run = pipeline.run
        self.days = pipeline.api.days
        self._cursor: dg.AssetDaemonCursor | None = None

    def renew(self, day: str) -> None:
        """Have the API return other sales for a day, and pull it in a run of its own."""
        self.days[day] = [page(sale(purchase_date=day, price=7)), *self.days[day]]
        self.run(day, day, RAW)

    def tick(self) -> Sequence[str]:
        """Give the days of stg_sales that are requested now."""
        result = dg.evaluate_automation_conditions(
            self.definitions,
            self.pipeline.instance,
            asset_selection=dg.AssetSelection.assets(*BOTH),
            cursor=self._cursor,
        )
        self._cursor = result.cursor
        return sorted(filter(None, result.get_requested_partitions(stg_sales.key)))


@pytest.fixture
def automation(pipeline: Pipeline) -> Automation:
    """The sensor of the pipeline."""
    return Automation(pipeline)


@pytest.mark.parametrize("is_on", [False, True])
def test_raw_that_is_stored_again_right_after_a_run_of_both_assets_is_followed(
    automation: Automation, is_on: bool
) -> None:
    if is_on:
        automation.tick()
    automation.run(DAYS[0], DAYS[-1])
    automation.renew(DAYS[1])
    assert automation.tick() == [DAYS[1]]


def test_each_day_is_requested_once_and_not_again_when_its_raw_is_as_it_was(
    automation: Automation,
) -> None:
    automation.run(DAYS[0], DAYS[1], RAW)
    assert automation.tick() == [DAYS[0], DAYS[1]]
    assert automation.tick() == []
    automation.run(DAYS[0], DAYS[1], STG)
    assert [automation.tick(), automation.tick()] == [[], []]
    automation.run(DAYS[0], DAYS[1], RAW)
    assert automation.tick() == []


def test_days_that_landed_in_a_range_that_failed_in_part_are_converted(
    automation: Automation,
) -> None:
    automation.tick()
    del automation.days[DAYS[1]]
    automation.run(DAYS[0], DAYS[-1])
    assert automation.tick() == [DAYS[0], DAYS[2]]


@pytest.mark.parametrize("asset", BOTH, ids=["raw", "stg"])
def test_no_day_of_a_run_that_has_not_ended_is_requested(
    automation: Automation, asset: dg.AssetsDefinition
) -> None:
    automation.run(DAYS[0], DAYS[-1], RAW)
    automation.pipeline.instance.create_run_for_job(
        automation.definitions.resolve_implicit_global_asset_job_def(),
        asset_selection=frozenset([asset.key]),
        tags=range_tags(DAYS[0], DAYS[1]),
        status=dg.DagsterRunStatus.STARTED,
    )
    assert automation.tick() == [DAYS[2]]


def test_days_of_raw_that_are_no_partitions_any_more_are_left_alone(automation: Automation) -> None:
    before = dg.AssetMaterialization(raw_sales.key, partition="2022-08-01")
    automation.pipeline.instance.report_runless_asset_event(before)
    assert automation.tick() == []


def test_a_day_that_failed_in_a_run_of_both_assets_is_not_tried_again(
    automation: Automation,
) -> None:
    automation.tick()
    automation.days[DAYS[1]] = [page(sale(purchase_date=DAYS[1], price="7"))]
    automation.run(DAYS[0], DAYS[-1])
    assert automation.tick() == []


def test_a_day_whose_conversion_failed_is_not_tried_again_before_its_raw_is_new(
    automation: Automation,
) -> None:
    automation.run(DAYS[0], DAYS[0], RAW)
    automation.tick()
    (automation.pipeline.raw() / f"sales_{DAYS[0]}_1.json").write_bytes(b"[")
    automation.run(DAYS[0], DAYS[0], STG)
    assert [automation.tick(), automation.tick()] == [[], []]
    automation.renew(DAYS[0])
    assert automation.tick() == [DAYS[0]]
