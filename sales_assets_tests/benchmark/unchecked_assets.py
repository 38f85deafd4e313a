"""The two sales assets without their checks, for measuring what each costs."""

import dagster as dg

from sales_assets import definitions
from sales_assets.sales.assets import raw_sales, stg_sales

defs = dg.Definitions(
    assets=[raw_sales, stg_sales],
    resources=definitions.defs.resources,
    executor=definitions.defs.executor,
)
