"""The checks of what is stored, on days that somebody has damaged."""

import dagster as dg
import pytest

from sales_assets.sales.assets import raw_sales
from sales_assets_tests.helpers.pipeline import Pipeline, failed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi


def test_a_page_that_is_there_twice_stops_stg_sales(pipeline: Pipeline, api: ScriptedApi) -> None:
    pages = api.days[DAY]
    api.days[DAY] = [pages[0], pages[1], pages[0], pages[2]]
    assert pipeline.run() == {}
    assert not pipeline.raw().exists()
    assert not pipeline.stg().exists()


@pytest.mark.parametrize("as_it_lies", [False, True])
def test_a_page_in_the_middle_that_is_not_full_is_named(
    pipeline: Pipeline, api: ScriptedApi, as_it_lies: bool
) -> None:
    first, second, last = api.days[DAY]
    api.days[DAY] = [first, last, second]
    evaluations = pipeline.run()
    if as_it_lies:
        # As `verify --fix` does, which has counted no pages.
        metadata = pipeline.json_pages.metadata(raw_sales.key, DAY)
        event = dg.AssetMaterialization(raw_sales.key, metadata=metadata, partition=DAY)
        pipeline.instance.report_runless_asset_event(event)
        evaluations = pipeline.check()
    assert failed(evaluations) == {
        "raw_sales_pages_are_full": {DAY: "page 2 has 1 rows, page 1 has 2"}
    }


def test_a_day_of_stg_that_was_made_from_an_older_raw_is_found(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    pipeline.run()
    api.days[DAY] = [page(sale())]
    pipeline.run(selection=dg.AssetSelection.assets(raw_sales))
    assert failed(pipeline.check()) == {
        "stg_sales_is_as_recorded": {
            DAY: "made from an older version of raw_sales: materialize stg_sales again"
        }
    }


def test_a_day_that_was_never_recorded_says_so(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.instance.wipe_assets([raw_sales.key])
    assert "never recorded" in failed(pipeline.check())["raw_sales_is_as_recorded"][DAY]
