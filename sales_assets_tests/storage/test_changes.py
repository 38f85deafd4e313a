"""What the metadata of a re-materialized day says."""

from typing import Any

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.changes import changes
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale


def said(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    """Materialize the day; give what is said of its changes in raw_sales and in stg_sales."""
    pipeline.run()
    recorded = [pipeline.recorded(asset)[DAY] for asset in (raw_sales, stg_sales)]
    return [(one["change"], one.get("rows_added"), one.get("rows_removed")) for one in recorded]


def test_a_day_says_whether_it_is_the_first_version_or_unchanged(pipeline: Pipeline) -> None:
    assert said(pipeline) == [("first version", None, None)] * 2
    assert said(pipeline) == [("unchanged", 0, 0)] * 2


def test_a_day_that_changed_says_how_many_rows_came_and_went(pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [page(sale(price=1), sale(price=2), sale(price=2))]
    said(pipeline)
    pipeline.api.days[DAY] = [page(sale(price=2), sale(price=3), sale(price=4), sale(price=5))]
    assert said(pipeline) == [("+3 -2 rows", 3, 2)] * 2


def test_the_same_rows_in_another_order_say_so(pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [page(sale(price=1), sale(price=2))]
    said(pipeline)
    pipeline.api.days[DAY] = [page(sale(price=2), sale(price=1))]
    assert said(pipeline) == [("same rows, different bytes", 0, 0)] * 2


def test_a_day_that_cannot_be_read_is_replaced_all_the_same(pipeline: Pipeline) -> None:
    said(pipeline)
    pipeline.stg().write_bytes(b"no Avro")
    (pipeline.raw() / f"sales_{DAY}_2.json").unlink()
    for change, *_ in said(pipeline):
        assert change.startswith("replaces a day that could not be read")
    assert said(pipeline) == [("unchanged", 0, 0)] * 2


def test_of_a_day_in_which_every_row_differs_memory_holds_a_part() -> None:
    old, new = iter(range(1_000_000)), iter(range(1_000_000, 2_000_000))
    assert changes(old, new) == {"change": "more than 100,000 rows changed or moved"}
    assert next(old) < 60_000
