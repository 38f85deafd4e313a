"""The assets: what goes in, what comes out, what is said of it."""

import datetime

import dagster as dg
import pytest

from sales_assets.feed.api import NotSetUpError
from sales_assets.feed.daily import RawConfig
from sales_assets.feed.days import NoPartitionsError
from sales_assets.feed.paging import FeedApiError
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import SALES_DAYS, raw_sales, stg_sales
from sales_assets.storage.changes import KeptRowsError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import Pipeline, failed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.streams import bodies_of, days_of

NEXT_DAY = "2022-08-10"


def test_raw_sales_is_the_pages_of_each_day_unread(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days = {DAY: [page(sale())], NEXT_DAY: [page(sale()), page(sale(price=1))]}
    context = dg.build_asset_context(partition_key_range=dg.PartitionKeyRange(DAY, NEXT_DAY))
    days = days_of(raw_sales(context=context, config=RawConfig(), sales_api=sales_api))
    assert api.requests == []
    assert {day: bodies_of(stream) for day, stream in days.items()} == api.days


def test_a_day_of_raw_that_nobody_recorded_is_converted_and_stg_says_so(
    pipeline: Pipeline,
) -> None:
    pipeline.raw().mkdir(parents=True)
    (pipeline.raw() / f"sales_{DAY}.json").write_bytes(page(sale()))
    pipeline.run(DAY, selection=dg.AssetSelection.assets(stg_sales))
    assert pipeline.recorded(stg_sales)[DAY]["never_recorded"] == str(pipeline.raw())


def test_a_range_that_reaches_beyond_yesterday_is_stored_checked_and_converted_up_to_it(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    yesterday = SALES_DAYS.get_last_partition_key()
    assert yesterday is not None
    in_a_week = datetime.date.fromisoformat(yesterday) + datetime.timedelta(days=7)
    api.days[yesterday] = [page(sale(purchase_date=yesterday))]
    evaluations = pipeline.run(yesterday, in_a_week.isoformat())
    assert failed(evaluations) == {}
    assert [*pipeline.recorded(stg_sales)] == [yesterday]


def test_a_run_without_a_partition_says_how_to_choose_days(pipeline: Pipeline) -> None:
    definitions = dg.Definitions(assets=[raw_sales], resources=pipeline.resources)
    job = definitions.resolve_implicit_global_asset_job_def()
    with pytest.raises(NoPartitionsError, match="raw_sales: no day is selected"):
        job.execute_in_process()


def allow_empty_day(pipeline: Pipeline, **config: bool) -> None:
    config = {"allow_empty_day": True, **config}
    dg.materialize(
        [raw_sales],
        partition_key=DAY,
        resources=pipeline.resources,
        run_config={"ops": {"raw_sales": {"config": config}}},
        instance=pipeline.instance,
    )


def test_a_day_that_is_taken_to_be_empty_replaces_no_rows_unless_the_run_says_so(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    pipeline.run(DAY)
    before = tree(pipeline.base)
    del api.days[DAY]
    with pytest.raises(KeptRowsError, match='"replace_rows": true'):
        allow_empty_day(pipeline)
    assert tree(pipeline.base) == before
    allow_empty_day(pipeline, replace_rows=True)
    allow_empty_day(pipeline)
    assert pipeline.recorded(raw_sales)[DAY]["dagster/row_count"] == 0


def test_an_empty_list_of_the_api_itself_replaces_a_day_that_has_rows(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    pipeline.run(DAY)
    api.days[DAY] = [b"[]"]
    pipeline.run(DAY)
    assert pipeline.recorded(raw_sales)[DAY]["dagster/row_count"] == 0


@pytest.mark.parametrize("body", ["<html>Not Found</html>", "404 page not found"])
def test_a_404_that_is_not_of_the_api_is_no_day_without_rows(
    pipeline: Pipeline, api: ScriptedApi, body: str
) -> None:
    api.fail(status=404, body=body)
    with pytest.raises(FeedApiError, match=r"not from the sales API.*check SALES_API_URL") as error:
        allow_empty_day(pipeline)
    assert "allow_empty_day" not in str(error.value)
    assert not pipeline.raw().exists()


def test_an_address_that_ends_in_the_path_of_the_api_is_refused(api: ScriptedApi) -> None:
    with pytest.raises(NotSetUpError, match="SALES_API_URL ends in /sales") as error:
        SalesApi(url=f"{api.url}/sales/").connect()
    assert str(error.value).endswith(f"set it to {api.url}")
    assert api.requests == []
