"""What the metadata of a re-materialized day says."""

from typing import Any

import pytest

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.changes import changes
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale


def said(pipeline: Pipeline, *prices: int) -> list[tuple[Any, ...]]:
    """Materialize a day of such sales; give what is said of its changes in both assets."""
    pipeline.api.days[DAY] = [page(*[sale(price=price) for price in prices])]
    pipeline.run()
    recorded = [pipeline.recorded(asset)[DAY] for asset in (raw_sales, stg_sales)]
    return [(one["change"], one.get("rows_added"), one.get("rows_removed")) for one in recorded]


@pytest.mark.parametrize(
    ("prices", "change"),
    [
        ((1, 2, 2), ("unchanged", 0, 0)),
        ((2, 3, 4, 5), ("+3 -2 rows", 3, 2)),
        ((2, 1, 2), ("same rows, different bytes", 0, 0)),
    ],
)
def test_a_day_says_what_changed(
    pipeline: Pipeline, prices: tuple[int, ...], change: tuple[str, int, int]
) -> None:
    assert said(pipeline, 1, 2, 2) == [("first version", None, None)] * 2
    assert said(pipeline, *prices) == [change] * 2


def test_a_day_that_cannot_be_read_is_replaced_all_the_same(pipeline: Pipeline) -> None:
    said(pipeline, 1)
    pipeline.stg().write_bytes(b"no Avro")
    (pipeline.raw() / f"sales_{DAY}.json").unlink()
    for change, *_ in said(pipeline, 1):
        assert change.startswith("replaces a day that could not be read")
    assert said(pipeline, 1) == [("unchanged", 0, 0)] * 2


def test_of_a_day_in_which_every_row_differs_memory_holds_a_part() -> None:
    old, new = iter(range(1_000_000)), iter(range(1_000_000, 2_000_000))
    assert changes(old, new) == {"change": "more than 100,000 rows changed or moved"}
    assert next(old) < 60_000
