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
from sales_assets.storage.checks import is_as_recorded, no_unknown_fields, rows_are
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.evaluation import daily_check
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


REFUND_ASSETS = [raw_refunds, stg_refunds]
REFUND_CHECKS = [
    daily_check(
        raw_refunds,
        is_as_recorded,
        name="is_as_recorded",
        description="The pages are numbered without gaps, and their content is as recorded.",
        blocking=True,
    ),
    daily_check(
        stg_refunds,
        is_as_recorded,
        name="is_as_recorded",
        description="The content is as recorded, and has the rows of raw_refunds.",
        blocking=True,
    ),
    daily_check(
        stg_refunds,
        rows_are(
            wrong={"that pay nothing back": lambda row, _: row["amount"] <= 0},
            odd={"that nobody has approved": lambda row, _: not row["approved"]},
        ),
        name="amounts_are_positive",
        description="Every refund pays something back; one that nobody has approved warns.",
    ),
    daily_check(
        stg_refunds,
        no_unknown_fields,
        name="has_no_unknown_fields",
        description="The API sends no field that is not in the contract.",
    ),
]


def refund_storage(base_dir: str) -> dict[str, PartitionDirectoryIOManager]:
    """Give the IO managers, by the keys of the assets."""
    return {
        "json_pages": PartitionDirectoryIOManager(base_dir, JsonPages()),
        "refunds_avro": PartitionDirectoryIOManager(
            base_dir, AvroFile(REFUND.avro), has_quarantine=True
        ),
    }


def refund_layers(storage: dict[str, PartitionDirectoryIOManager]) -> list[Layer]:
    """Say what `sales_assets.verify` has to compare."""
    raw = Layer(raw_refunds.key, REFUND_DAYS, storage["json_pages"])
    return [raw, Layer(stg_refunds.key, REFUND_DAYS, storage["refunds_avro"], made_from=raw)]
