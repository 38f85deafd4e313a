"""The asset checks of the sales; how a check looks at days is shared by all feeds."""

import dagster as dg

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.checks import (
    Storage,
    no_unknown_fields,
    pages_are_as_recorded,
    pages_are_full,
    row_count_is_usual,
    rows_are,
    rows_are_as_recorded,
)
from sales_assets.storage.evaluation import Evaluations, daily_check


@daily_check(raw_sales, name="is_as_recorded", blocking=True)
def raw_sales_is_as_recorded(
    context: dg.AssetCheckExecutionContext, json_pages: Storage
) -> Evaluations:
    """The pages are numbered without gaps, and their content is as recorded."""
    return pages_are_as_recorded(context, json_pages)


@daily_check(raw_sales, name="pages_are_full")
def raw_sales_pages_are_full(
    context: dg.AssetCheckExecutionContext, json_pages: Storage
) -> Evaluations:
    """Every page but the last has as many rows as the first.

    It does not block: a page that is not full may be missing rows, but does not prove it.
    """
    return pages_are_full(context, json_pages)


@daily_check(stg_sales, name="is_as_recorded", blocking=True)
def stg_sales_is_as_recorded(
    context: dg.AssetCheckExecutionContext, sales_avro: Storage, json_pages: Storage
) -> Evaluations:
    """The content is as recorded, and has the rows of raw_sales without the rejected ones."""
    return rows_are_as_recorded(context, sales_avro, json_pages, raw_sales.key)


@daily_check(stg_sales, name="rows_are_sales_of_the_day", blocking=True)
def stg_sales_rows_are_sales_of_the_day(
    context: dg.AssetCheckExecutionContext, sales_avro: Storage
) -> Evaluations:
    """Every sale is of its day, with a client and a product; a price that is not positive warns."""
    return rows_are(
        context,
        sales_avro,
        wrong={
            "of another day": lambda row, day: row["purchase_date"] != day,
            "without client or product": lambda row, day: not (row["client"] and row["product"]),
        },
        odd={"with a price that is not positive": lambda row, day: row["price"] <= 0},
    )


@daily_check(stg_sales, name="row_count_is_usual")
def stg_sales_row_count_is_usual(
    context: dg.AssetCheckExecutionContext, sales_avro: Storage
) -> Evaluations:
    """The number of rows is not far off those of the same weekday in the four weeks before."""
    return row_count_is_usual(context, sales_avro)


@daily_check(stg_sales, name="has_no_unknown_fields")
def stg_sales_has_no_unknown_fields(
    context: dg.AssetCheckExecutionContext, sales_avro: Storage
) -> Evaluations:
    """The API sends no field that is not in the contract (raw_sales keeps those that it does)."""
    return no_unknown_fields(context, sales_avro)


SALES_CHECKS = [
    raw_sales_is_as_recorded,
    raw_sales_pages_are_full,
    stg_sales_is_as_recorded,
    stg_sales_rows_are_sales_of_the_day,
    stg_sales_row_count_is_usual,
    stg_sales_has_no_unknown_fields,
]
