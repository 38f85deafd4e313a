"""The asset checks for sales; the code that evaluates them is shared by all feeds."""

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage import checks
from sales_assets.storage.evaluation import daily_check

SALES_CHECKS = [
    daily_check(
        raw_sales,
        checks.is_as_recorded,
        name="is_as_recorded",
        description="The pages are numbered without gaps, and their content matches the record.",
        blocking=True,
    ),
    # It does not block: a page that is not full may be missing rows, but is no proof.
    daily_check(
        raw_sales,
        checks.pages_are_full,
        name="pages_are_full",
        description="Every page but the last has as many rows as the first.",
    ),
    daily_check(
        stg_sales,
        checks.is_as_recorded,
        name="is_as_recorded",
        description="The content matches the record and has the rows of the stored raw_sales, "
        "except for the rejected ones.",
        blocking=True,
    ),
    daily_check(
        stg_sales,
        checks.rows_are(
            wrong={
                "of another day": lambda row, day: row["purchase_date"] != day,
                "without client or product": lambda row, _: not (row["client"] and row["product"]),
            },
            odd={"with a price that is not positive": lambda row, _: row["price"] <= 0},
        ),
        name="rows_are_sales_of_the_day",
        description="Every sale has the partition's date, a client and a product. Warns about "
        "prices that are not positive.",
        blocking=True,
    ),
    daily_check(
        stg_sales,
        checks.row_count_is_usual,
        name="row_count_is_usual",
        description="The row count is close to that of the same weekday in the previous four "
        "weeks.",
    ),
    daily_check(
        stg_sales,
        checks.no_unknown_fields,
        name="has_no_unknown_fields",
        description="The API sends no fields outside the contract; raw_sales keeps unknown fields.",
    ),
]
