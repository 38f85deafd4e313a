"""The row contract."""

import datetime
import json
from typing import Any

import pytest

from sales_assets.feed.judgement import InvalidRowsError, Judgement
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import judged


def test_good_rows_come_back_with_a_real_date() -> None:
    rows = [row for rows in judged([page(sale()), page(sale(price=-5))]) for row in rows]
    date = datetime.date(2022, 8, 9)
    assert rows == [sale(purchase_date=date), sale(purchase_date=date, price=-5)]


def test_an_unknown_field_does_no_harm() -> None:
    [[row]] = judged([page(sale(colour="red"))])
    assert "colour" not in row


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("price", "12", "valid integer"),
        ("price", 5.7, "valid integer"),
        ("price", 5.0, "valid integer"),
        ("price", True, "valid integer"),
        ("price", None, "valid integer"),
        ("price", float("nan"), "valid integer"),
        ("price", 2**63, "less than"),
        ("price", -(2**63) - 1, "greater than"),
        ("client", None, "valid string"),
        ("client", 7, "valid string"),
        ("product", ["TV"], "valid string"),
        ("purchase_date", "2022-08-10", "day of the partition, 2022-08-09"),
        ("purchase_date", "2022-08-09T00:00:00", "day of the partition"),
        ("purchase_date", "1660003200", "day of the partition"),
        ("purchase_date", 1660003200, "valid string"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(field: str, value: Any, reason: str) -> None:
    pages = [page(sale()), page(sale(), sale(**{field: value}))]
    with pytest.raises(InvalidRowsError, match=rf"page 2, row 2, {field} = .*: .*{reason}"):
        judged(pages)


@pytest.mark.parametrize("field", ["client", "purchase_date", "product", "price"])
def test_a_missing_field_is_refused_with_its_place(field: str) -> None:
    row = sale()
    del row[field]
    with pytest.raises(InvalidRowsError, match=f"page 1, row 1, {field} .*required"):
        judged([page(row)])


def test_a_row_that_is_not_an_object_is_refused() -> None:
    with pytest.raises(InvalidRowsError, match=r"page 1, row 1, \(row\) = 1"):
        judged([json.dumps([1]).encode()])


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[{}] x", b'[{"a": 1},]', b'[{"a": 1} {}]'])
def test_a_page_that_is_not_a_list_fails_whatever_is_allowed(body: bytes) -> None:
    with pytest.raises(InvalidRowsError, match="page 2 is not a complete JSON list"):
        judged([page(sale()), body], Judgement("stg_sales", max_rejected_rows=99))
