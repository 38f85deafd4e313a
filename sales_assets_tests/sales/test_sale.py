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


def test_every_bad_value_of_a_page_is_found() -> None:
    rows = [sale(price="1", client=None), sale(), sale(purchase_date="2022-08-10")]
    judgement = Judgement(max_rejected_rows=2)
    [good] = judged([page(*rows)], judgement)
    assert len(good) == 1
    assert [
        (bad["row"], problem["field"]) for bad in judgement.rejects for problem in bad["problems"]
    ] == [(1, "client"), (1, "price"), (3, "purchase_date")]


def test_the_error_shows_ten_values_and_counts_all_rows_of_the_day() -> None:
    pages = [page(*[sale(price="1")] * 25), page(sale(), sale(price=None))]
    with pytest.raises(InvalidRowsError, match="2022-08-09: 26 of 27 rows are bad") as failure:
        judged(pages)
    lines = str(failure.value).splitlines()
    assert len(lines) == 1 + 10 + 1
    assert lines[-1] == "  and 16 more bad values"


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(InvalidRowsError) as failure:
        judged([page(sale(price="x" * 10_000))])
    assert max(map(len, str(failure.value).splitlines())) < 200


def test_a_row_that_is_not_an_object_is_refused() -> None:
    with pytest.raises(InvalidRowsError, match=r"page 1, row 1, \(row\) = 1"):
        judged([json.dumps([1]).encode()])


@pytest.mark.parametrize("body", [b"", b"[", b"{}", b"[{}] x", b'[{"a": 1},]', b'[{"a": 1} {}]'])
def test_a_page_that_is_not_a_list_fails_whatever_is_allowed(body: bytes) -> None:
    with pytest.raises(InvalidRowsError, match="page 2 is not a complete JSON list"):
        judged([page(sale()), body], Judgement(max_rejected_rows=99))


def test_a_field_that_is_not_in_the_contract_is_noted_with_its_place() -> None:
    judgement = Judgement()
    pages = [page(sale()), page(sale(), sale(colour="red"), sale(colour=1, size=2))]
    assert len([row for rows in judged(pages, judgement) for row in rows]) == 4
    assert judgement.unknown_fields == {
        "colour": {"first": "page 2, row 2", "rows": 2},
        "size": {"first": "page 2, row 3", "rows": 1},
    }


def test_no_more_than_20_fields_are_noted() -> None:
    judgement = Judgement()
    judged([page(sale(**{f"field_{n}": n for n in range(50)}))], judgement)
    assert len(judgement.unknown_fields) == 20
