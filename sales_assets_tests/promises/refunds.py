"""A second daily feed, in one module: what to write for a feed of one's own.

    refunds API --pages--> raw_refunds --> BASE_DIR/raw/refunds/DATE/refunds_DATE[_N].json
                           stg_refunds --> BASE_DIR/stg/refunds/DATE/refunds_DATE.avro

Only what is particular to refunds is said here: the row, the API, the two assets and what their
checks look for. Paging, proof, quarantine, storage and verification are those of any feed.
"""

import dagster as dg

from sales_assets.feed.api import DailyApi
from sales_assets.feed.contract import Contract
from sales_assets.feed.daily import RawConfig, StgConfig, daily_asset, pages_by_day, rows_by_day
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import PagesByDay, RowsByDay
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.checks import (
    Storage,
    no_unknown_fields,
    pages_are_as_recorded,
    rows_are,
    rows_are_as_recorded,
)
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.evaluation import Evaluations, daily_check
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages

REFUND = RowSchema(
    {
        "type": "record",
        "name": "Refund",
        "doc": "Money that was paid back.",
        "fields": [
            {"name": "refund_id", "type": "string", "doc": "Names the refund."},
            {
                "name": "day",
                "type": {"type": "int", "logicalType": "date"},
                "doc": "Day of the refund; always the day of the partition.",
            },
            {"name": "amount", "type": "double", "doc": "Paid back, in euros."},
            {"name": "approved", "type": "boolean", "doc": "Whether somebody has looked at it."},
            {
                "name": "reason",
                "type": ["null", "string"],
                "default": None,
                "doc": "What the customer said, if anything.",
            },
        ],
    },
    day_field="day",
)
REFUND_CONTRACT = Contract(REFUND)
REFUND_DAYS = dg.DailyPartitionsDefinition("2022-08-09")


class RefundsApi(DailyApi):
    """Client of the refunds API."""

    title = "refunds API"
    path = "refunds"
    row = REFUND
    address_variable = "REFUNDS_API_URL"
    token_variable = "REFUNDS_TOKEN"  # noqa: S105 - the name of the variable, not a token


@daily_asset(REFUND_DAYS, None, REFUND, group_name="refunds", io_manager_key="json_pages")
def raw_refunds(
    context: dg.AssetExecutionContext, config: RawConfig, refunds_api: RefundsApi
) -> PagesByDay:
    """All refunds of a day, as the pages of the API brought them."""
    return pages_by_day(context, config, refunds_api, sum_of="amount")


@daily_asset(REFUND_DAYS, None, REFUND, group_name="refunds", io_manager_key="refunds_avro")
def stg_refunds(
    context: dg.AssetExecutionContext, config: StgConfig, raw_refunds: PagesByDay
) -> RowsByDay:
    """The refunds of a day as typed rows."""
    return rows_by_day(context, config, raw_refunds, REFUND_CONTRACT, sum_of="amount")


@daily_check(raw_refunds, name="is_as_recorded", blocking=True)
def raw_refunds_is_as_recorded(
    context: dg.AssetCheckExecutionContext, json_pages: Storage
) -> Evaluations:
    """The pages are numbered without gaps, and their content is as recorded."""
    return pages_are_as_recorded(context, json_pages)


@daily_check(stg_refunds, name="is_as_recorded", blocking=True)
def stg_refunds_is_as_recorded(
    context: dg.AssetCheckExecutionContext, refunds_avro: Storage, json_pages: Storage
) -> Evaluations:
    """The content is as recorded, and has the rows of raw_refunds without the rejected ones."""
    return rows_are_as_recorded(context, refunds_avro, json_pages, raw_refunds.key)


@daily_check(stg_refunds, name="amounts_are_positive")
def stg_refunds_amounts_are_positive(
    context: dg.AssetCheckExecutionContext, refunds_avro: Storage
) -> Evaluations:
    """Nobody pays back nothing; a refund that nobody has approved warns."""
    return rows_are(
        context,
        refunds_avro,
        wrong={"that pay nothing back": lambda row, day: row["amount"] <= 0},
        odd={"that nobody has approved": lambda row, day: not row["approved"]},
    )


@daily_check(stg_refunds, name="has_no_unknown_fields")
def stg_refunds_has_no_unknown_fields(
    context: dg.AssetCheckExecutionContext, refunds_avro: Storage
) -> Evaluations:
    """The API sends no field that is not in the contract."""
    return no_unknown_fields(context, refunds_avro)


REFUND_ASSETS = [raw_refunds, stg_refunds]
REFUND_CHECKS = [
    raw_refunds_is_as_recorded,
    stg_refunds_is_as_recorded,
    stg_refunds_amounts_are_positive,
    stg_refunds_has_no_unknown_fields,
]


def refund_storage(base_dir: str) -> dict[str, PartitionDirectoryIOManager]:
    """Give the IO managers, by the keys of the assets."""
    return {
        "json_pages": PartitionDirectoryIOManager(base_dir, JsonPages()),
        "refunds_avro": PartitionDirectoryIOManager(base_dir, AvroFile(REFUND.avro)),
    }


def refund_layers(storage: dict[str, PartitionDirectoryIOManager]) -> list[Layer]:
    """Say what `sales_assets.verify` has to compare."""
    return [
        Layer(raw_refunds.key, storage["json_pages"]),
        Layer(stg_refunds.key, storage["refunds_avro"], made_from=raw_refunds.key),
    ]
