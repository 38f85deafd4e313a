"""A feed whose API is nothing like that of the sales: the worked example of the guide.

GET /v2/orders?since=DAY&until=NEXT_DAY&cursor=...      Authorization: Bearer TOKEN
{"data": [{"order-id": ..., "placed_at": ..., "state": ...}], "meta": {"next": ..., "total": ...}}
"""

import dagster as dg

from sales_assets.feed.api import DailyApi
from sales_assets.feed.daily import RawConfig, StgConfig, daily_asset, pages_by_day, rows_by_day
from sales_assets.feed.declaration import Feed
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import PagesByDay, RowsByDay
from sales_assets.feed.styles import CursorPages, DayRange, InBody
from sales_assets.http.tokens import BearerToken
from sales_assets.storage.checks import is_as_recorded, rows_are
from sales_assets.storage.evaluation import daily_check

MOMENT = {"type": "long", "logicalType": "timestamp-millis"}
STATE = {"type": "enum", "name": "State", "symbols": ["open", "paid"]}
ORDER = RowSchema(
    {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "order_id", "json": "order-id", "type": "string", "doc": "ID of the order."},
            {"name": "placed_at", "type": MOMENT, "doc": "When it was placed."},
            {"name": "state", "type": STATE, "doc": "Its status."},
            {"name": "total", "json": "total-cents", "type": "long", "doc": "Price, in cents."},
        ],
    },
    day_field="placed_at",
    zone="Europe/Berlin",
)
ORDER_DAYS = dg.DailyPartitionsDefinition("2022-08-09")


class OrdersApi(DailyApi):
    """Client for the orders API."""

    title = "orders API"
    address_variable = "ORDERS_API_URL"
    token_variable = "ORDERS_TOKEN"  # noqa: S105 - the name of the variable, not a token
    token_style = BearerToken()
    path = "v2/orders"
    row = ORDER
    day = DayRange("since", "until")
    paging = CursorPages("cursor", InBody("meta.next"))
    rows_at = "data"
    total = InBody("meta.total")


@daily_asset(ORDER_DAYS, None, ORDER, group_name="orders", io_manager_key="orders_json")
def raw_orders(
    context: dg.AssetExecutionContext, config: RawConfig, orders_api: OrdersApi
) -> PagesByDay:
    """All orders of a day: the pages of the API, byte for byte."""
    return pages_by_day(context, config, orders_api, sum_of="total")


@daily_asset(ORDER_DAYS, None, ORDER, group_name="orders", io_manager_key="orders_avro")
def stg_orders(
    context: dg.AssetExecutionContext, config: StgConfig, raw_orders: PagesByDay
) -> RowsByDay:
    """The orders of a day as typed rows."""
    return rows_by_day(context, config, raw_orders, ORDER, sum_of="total")


ORDER_CHECKS = [
    *(
        daily_check(
            asset,
            is_as_recorded,
            name="is_as_recorded",
            description="The content matches the record and is complete.",
            blocking=True,
        )
        for asset in (raw_orders, stg_orders)
    ),
    daily_check(
        stg_orders,
        rows_are(wrong={"with a negative total": lambda row, _: row["total"] < 0}, odd={}),
        name="totals_are_prices",
        description="No order has a negative total.",
    ),
]

FEED = Feed(OrdersApi, raw_orders, stg_orders, ORDER_CHECKS)
