"""The feed of daily sales: its API, its row, its assets and checks, and nothing else."""

from sales_assets.feed.declaration import Feed
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import SALES_SOURCE, raw_sales, stg_sales
from sales_assets.sales.checks import SALES_CHECKS

FEED = Feed(SalesApi, raw_sales, stg_sales, SALES_CHECKS, SALES_SOURCE)
