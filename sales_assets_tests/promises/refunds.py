"""A second daily feed, in one module: what to write for a feed of one's own.

Paging, proof, quarantine, storage and verification are those of any feed.
"""

import dagster as dg

from sales_assets.feed.api import DailyApi
from sales_assets.feed.contract import Contract
from sales_assets.feed.daily import RawConfig, StgConfig, daily_asset, pages_by_day, rows_by_day
from sales_assets.feed.declaration import Feed
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import PagesByDay, RowsByDay
from sales_assets.storage.checks import is_as_recorded, no_unknown_fields, rows_are
from sales_assets.storage.evaluation import daily_check

DATE = {"type": "int", "logicalType": "date"}
REFUND = RowSchema(
    {
        "type": "record",
        "name": "Refund",
        "doc": "Money that was paid back.",
        "fields": [
            {"name": "refund_id", "type": "string", "doc": "ID of the refund."},
            {"name": "day", "type": DATE, "doc": "Day of the refund, and of the partition."},
            {"name": "amount", "type": "double", "doc": "Paid back, in euros."},
            {"name": "approved", "type": "boolean", "doc": "Whether somebody has looked at it."},
            {"name": "reason", "type": ["null", "string"], "default": None, "doc": "If any."},
        ],
    },
    day_field="day",
)
REFUND_DAYS = dg.DailyPartitionsDefinition("2022-08-09")


class RefundsApi(DailyApi):
    """Client for the refunds API."""

    title = "refunds API"
    path = "refunds"
    row = REFUND
    address_variable = "REFUNDS_API_URL"
    token_variable = "REFUNDS_TOKEN"  # noqa: S105 - the name of the variable, not a token


@daily_asset(REFUND_DAYS, None, REFUND, group_name="refunds", io_manager_key="json_pages")
def raw_refunds(
    context: dg.AssetExecutionContext, config: RawConfig, refunds_api: RefundsApi
) -> PagesByDay:
    """All refunds of a day: the pages of the API, byte for byte."""
    return pages_by_day(context, config, refunds_api, sum_of="amount")


@daily_asset(REFUND_DAYS, None, REFUND, group_name="refunds", io_manager_key="refunds_avro")
def stg_refunds(
    context: dg.AssetExecutionContext, config: StgConfig, raw_refunds: PagesByDay
) -> RowsByDay:
    """The refunds of a day as typed rows."""
    return rows_by_day(context, config, raw_refunds, Contract(REFUND), sum_of="amount")


REFUND_CHECKS = [
    *(
        daily_check(
            asset,
            is_as_recorded,
            name="is_as_recorded",
            description="The content matches the record and is complete.",
            blocking=True,
        )
        for asset in (raw_refunds, stg_refunds)
    ),
    daily_check(
        stg_refunds,
        rows_are(
            wrong={"that pay nothing back": lambda row, _: row["amount"] <= 0},
            odd={"that nobody has approved": lambda row, _: not row["approved"]},
        ),
        name="amounts_are_positive",
        description="Every refund pays something back. Warns about refunds that nobody approved.",
    ),
    daily_check(
        stg_refunds,
        no_unknown_fields,
        name="has_no_unknown_fields",
        description="The API sends no fields outside the contract.",
    ),
]

FEED = Feed(RefundsApi, raw_refunds, stg_refunds, REFUND_CHECKS)
