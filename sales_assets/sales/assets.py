"""The sales assets: `raw_sales` keeps each day as the API sent it, `stg_sales` types it."""

import dagster as dg

from sales_assets import settings
from sales_assets.feed.daily import RawConfig, StgConfig, daily_asset, pages_by_day, rows_by_day
from sales_assets.feed.days import DailyPartitions
from sales_assets.feed.stream import PagesByDay, RowsByDay
from sales_assets.sales.api import SalesApi
from sales_assets.sales.sale import SALE

# Dagster needs these two settings when it imports an asset, so they are read here.
_settings = settings.read()
SALES_DAYS = DailyPartitions(_settings.sales_start_date, timezone="UTC")
_OWNERS = ["team:sales"]
_TAGS = {"domain": "sales", "pii": "names_of_clients"}

SALES_SOURCE = dg.AssetSpec(
    "sales_pages",
    group_name="sales",
    kinds={"api"},
    owners=_OWNERS,
    tags=_TAGS,
    description="The pages of sales that the sales API returns for a day. Not stored here.",
)


@daily_asset(
    SALES_DAYS,
    _settings.sales_days_per_run,
    SALE,
    deps=[SALES_SOURCE],
    group_name="sales",
    owners=_OWNERS,
    tags={**_TAGS, "layer": "raw"},
    code_version="1",
    kinds={"python", "json"},
    io_manager_key="json_pages",
    pool="sales_api",
)
def raw_sales(
    context: dg.AssetExecutionContext, config: RawConfig, sales_api: SalesApi
) -> PagesByDay:
    """All sales of a day: the pages of the sales API, byte for byte.

    A day is stored once its pages are proven to be the whole day. It replaces existing data.
    """
    return pages_by_day(context, config, sales_api, sum_of="price")


@daily_asset(
    SALES_DAYS,
    _settings.sales_days_per_run,
    SALE,
    made_from=raw_sales.key,
    group_name="sales",
    owners=_OWNERS,
    tags={**_TAGS, "layer": "stg"},
    code_version="1",
    kinds={"python", "avro"},
    io_manager_key="sales_avro",
)
def stg_sales(
    context: dg.AssetExecutionContext, config: StgConfig, raw_sales: PagesByDay
) -> RowsByDay:
    """The sales of a day as typed rows in one Avro file.

    Every row is validated against the contract; values are never coerced. A day with invalid rows
    is not stored, unless the run allows them; such rows go to quarantine.
    """
    return rows_by_day(context, config, raw_sales, SALE, sum_of="price")
