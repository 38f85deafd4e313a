"""The two assets of a daily feed, those of the sales: what is read, and what is said of it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from sales_assets.feed.daily import RawConfig, page_rows
from sales_assets.feed.paging import NoSuchDayError
from sales_assets.sales.api import SalesApi
from sales_assets.sales.assets import raw_sales
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.streams import bodies_of, days_of


def pulled(sales_api: SalesApi, **config: Any) -> tuple[list[bytes], Mapping[str, Any]]:
    """Read the day as raw_sales gives it: its pages, and what is said of it."""
    # The API is open as long as the context is there.
    context = dg.build_asset_context(partition_key=DAY)
    [stream] = days_of(
        raw_sales(context=context, config=RawConfig(**config), sales_api=sales_api)
    ).values()
    return bodies_of(stream), stream.result.metadata


def test_a_day_of_pages_is_described_once_it_is_read(api: ScriptedApi, sales_api: SalesApi) -> None:
    api.days[DAY] = [
        page(sale(price=3), sale(price="4")),
        page(sale(price=True), sale(price=10**4200), sale(price=0.5), sale(price=float("nan"))),
    ]
    _, metadata = pulled(sales_api)
    assert metadata["source"] == api.url
    assert metadata["dagster/row_count"] == 6
    assert metadata["price_sum"] == 3.5


@pytest.mark.usefixtures("api")
def test_a_missing_day_fails_unless_the_run_allows_it_to_be_empty(sales_api: SalesApi) -> None:
    with pytest.raises(NoSuchDayError, match="allow_empty_day"):
        pulled(sales_api)
    pages, _ = pulled(sales_api, allow_empty_day=True)
    assert pages == [b"[]"]


@pytest.mark.parametrize(
    ("pages", "odd"),
    [
        ([], {}),
        ([100, 100, 61], {}),
        ([100, 61, 100], {"page": 2, "rows": 61}),
        ([100, 0, 100, 61, 100], {"page": 2, "rows": 0}),
        ([0, 1], {"page": 2, "rows": 1}),
    ],
)
def test_the_first_page_that_is_not_like_page_1_is_odd_unless_it_is_a_shorter_last_one(
    pages: list[int], odd: dict[str, int]
) -> None:
    first, last = (pages[0], pages[-1]) if pages else (0, 0)
    said = {"pages": len(pages), "first": first, "last": last, "odd": odd}
    assert page_rows(pages) == said
