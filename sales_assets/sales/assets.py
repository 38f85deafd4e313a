"""The sales assets: `raw_sales` keeps each day as the API sent it, `stg_sales` types it."""

import dagster as dg

from sales_assets import settings
from sales_assets.feed.daily import (
    RawConfig,
    StgConfig,
    daily_asset,
    pages_by_day,
    rows_by_day,
)
from sales_assets.feed.days import DailyPartitions
from sales_assets.feed.stream import PagesByDay, RowsByDay
from sales_assets.sales.api import SalesApi
from sales_assets.sales.sale import SALE, SALE_CONTRACT

# Dagster needs these two settings when it imports an asset, so they are read here.
_settings = settings.read()
SALES_DAYS = DailyPartitions(_settings.sales_start_date, timezone="UTC")
_DAYS_PER_RUN = _settings.sales_days_per_run
_OWNERS = ["team:sales"]
_TAGS = {"domain": "sales", "pii": "names_of_clients"}

SALES_SOURCE = dg.AssetSpec(
    "sales_pages",
    group_name="sales",
    kinds={"api"},
    owners=_OWNERS,
    tags=_TAGS,
    description="What the sales API answers: the sales of a day, page by page. Not stored here.",
)


@daily_asset(
    SALES_DAYS,
    _DAYS_PER_RUN,
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
    """All sales of a day, byte for byte as the pages of the sales API brought them.

    A day is stored once all of its pages have been read and proven to be the whole day. It replaces
    what was there before.
    """
    return pages_by_day(context, config, sales_api, sum_of="price")


@daily_asset(
    SALES_DAYS,
    _DAYS_PER_RUN,
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
    """The sales of a day as typed rows, one Avro file.

    Every row is checked against the contract. A row that breaks it is never changed to fit: unless
    the run allows for bad rows, the day is not stored, and if it does, they are put aside.
    """
    return rows_by_day(context, config, raw_sales, SALE_CONTRACT, sum_of="price")
