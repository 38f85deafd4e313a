"""Rows turned into what Avro holds, by the contract of the sales and by a wider one."""

import datetime
from typing import Any

import pytest

from sales_assets.feed.contract import InvalidRowsError
from sales_assets.feed.remedy import config_json
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError
from sales_assets.sales.sale import SALE
from sales_assets_tests.helpers.growth import is_linear
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import judged, judging
from sales_assets_tests.promises.orders import ORDER

SENT = ["null", {"type": "int", "logicalType": "date"}]
MORE_FIELDS = [
    {"name": "shop", "type": ["null", "string"], "doc": "Where it was sold."},
    {"name": "sent", "type": SENT, "default": None, "doc": "When it was sent."},
]
WIDER = RowSchema({**SALE.avro, "fields": [*SALE.avro["fields"], *MORE_FIELDS]}, "purchase_date")


def wide(**fields: Any) -> list[dict[str, Any]]:
    """Judge a sale that has a shop, and more fields."""
    [rows] = judged([page(sale(**{"shop": "Oslo", **fields}))], judgement=judging(WIDER))
    return rows


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[{}] x", b'[{"a": 1},]', b'[{"a": 1} {}]'])
def test_a_page_that_is_not_a_list_fails_whatever_is_allowed(body: bytes) -> None:
    with pytest.raises(UpstreamDayError, match="page 2 is not a complete JSON list"):
        judged([page(sale()), body], judging(max_rejected_rows=99))


def test_every_bad_value_of_a_page_is_found() -> None:
    rows = [sale(price="1", client=None), sale(), sale(purchase_date="2022-08-10")]
    judgement = judging(max_rejected_rows=2)
    [good] = judged([page(*rows)], judgement)
    assert len(good) == 1
    assert [
        (bad["row"], problem["field"]) for bad in judgement.rejects for problem in bad["problems"]
    ] == [(1, "client"), (1, "price"), (3, "purchase_date")]


# A quotation mark in a text has the page judged row by row.
@pytest.mark.parametrize("client", ["Ada", '"'], ids=["all is plain", "row by row"])
def test_only_a_field_with_a_default_may_be_missing_and_an_unknown_one_does_no_harm(
    client: str,
) -> None:
    assert [row["sent"] for row in wide(client=client)] == [None]
    sent = wide(client=client, sent="2022-08-11", shop=None, unknown_field="red")
    assert [(row["sent"], row["shop"]) for row in sent] == [(datetime.date(2022, 8, 11), None)]
    with pytest.raises(InvalidRowsError, match="page 1, row 1, shop: missing"):
        judged([page(sale(client=client))], judgement=judging(WIDER))


@pytest.mark.parametrize("rows", [100, 30_000], ids=["a small page", "a large page"])
def test_rows_are_counted_and_named_by_their_place_in_a_page_of_any_size(rows: int) -> None:
    sales = [sale(price=number) for number in range(rows)]
    sales[rows // 2] = sale(price="7")
    sales[-1] = sale(price=rows - 1, unknown_field="red")
    judgement = judging(max_rejected_rows=1)
    good = [row for part in judged([page(*sales)], judgement) for row in part]
    assert [row["price"] for row in good] == [n for n in range(rows) if n != rows // 2]
    assert judgement.rejects[0]["row"] == rows // 2 + 1
    assert judgement.unknown_fields["unknown_field"]["first"] == f"page 1, row {rows}"


def test_a_page_in_which_each_row_has_an_unknown_field_of_its_own_is_read_in_linear_time() -> None:
    def judge(rows: int) -> None:
        judged([page(*[sale(**{f"field_{number}": 1}) for number in range(rows)])])

    assert is_linear(judge, 800)


def order(**changes: Any) -> dict[str, Any]:
    placed = "2022-08-09T00:30:00+02:00"
    return {"order-id": "o1", "placed_at": placed, "state": "open", "total-cents": 1, **changes}


@pytest.mark.parametrize("number", ["o1", '"'], ids=["all is plain", "row by row"])
def test_timestamps_enums_and_other_keys_become_what_avro_has(number: str) -> None:
    # The name in Avro is a key like any other.
    orders = page(order(**{"order-id": number}), order(**{"order-id": number, "order_id": "x"}))
    at = datetime.datetime(2022, 8, 8, 22, 30, tzinfo=datetime.timezone.utc)
    expected = {"order_id": number, "placed_at": at, "state": "open", "total": 1}
    assert judged([orders], judgement=judging(ORDER)) == [[expected, expected]]


def test_a_moment_of_another_day_is_refused() -> None:
    rows = page(order(placed_at="2022-08-09T22:30:00Z"))
    with pytest.raises(InvalidRowsError, match=r"placed_at = .*day of the partition"):
        judged([rows], judgement=judging(ORDER))


def test_the_error_shows_ten_values_in_short_and_counts_all_rows_of_the_day() -> None:
    pages = [page(*[sale(price="x" * 10_000)] * 25), page(*[sale()] * 26, sale(price=None))]
    with pytest.raises(InvalidRowsError, match="2022-08-09: 26 of 52 rows are invalid") as failure:
        judged(pages)
    lines = str(failure.value).splitlines()
    assert len(lines) == 1 + 10 + 1 + 1
    assert max(map(len, lines)) < 200
    assert lines[-2] == "  and 16 more invalid values"
    assert lines[-1].endswith(config_json("stg_sales", max_rejected_rows=26))


def test_a_limit_that_drops_most_of_a_day_is_not_offered() -> None:
    with pytest.raises(InvalidRowsError, match="most rows are invalid: compare") as bad:
        judged([page(sale(), *[sale(price="1")] * 2)])
    assert "{" not in str(bad.value)


def test_no_more_than_20_fields_are_noted() -> None:
    judgement = judging()
    judged([page(sale(**{f"field_{n}": n for n in range(50)}))], judgement)
    assert len(judgement.unknown_fields) == 20
