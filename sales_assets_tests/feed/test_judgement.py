"""Rows judged by a contract, that of the sales: what is refused, how it is told, what is noted."""

import pytest

from sales_assets.feed.judgement import InvalidRowsError, Judgement
from sales_assets.feed.remedy import config_json
from sales_assets_tests.helpers.rows import page, sale
from sales_assets_tests.helpers.streams import judged


def test_the_error_shows_ten_values_and_counts_all_rows_of_the_day() -> None:
    pages = [page(*[sale(price="1")] * 25), page(*[sale()] * 26, sale(price=None))]
    with pytest.raises(InvalidRowsError, match="2022-08-09: 26 of 52 rows are invalid") as failure:
        judged(pages)
    lines = str(failure.value).splitlines()
    assert len(lines) == 1 + 10 + 1 + 1
    assert lines[-2] == "  and 16 more invalid values"
    assert lines[-1].endswith(config_json("stg_sales", max_rejected_rows=26))


def test_a_limit_that_drops_most_of_a_day_is_not_offered() -> None:
    with pytest.raises(
        InvalidRowsError, match="most rows are invalid: compare the contract"
    ) as bad:
        judged([page(sale(), *[sale(price="1")] * 2)])
    assert "{" not in str(bad.value)


def test_a_missing_field_is_told_from_one_that_is_null() -> None:
    judgement = Judgement("stg_sales", max_rejected_rows=2)
    missing = sale()
    del missing["price"]
    judged([page(missing, sale(price=None))], judgement)
    problems = [record["problems"][0] for record in judgement.rejects]
    assert problems[0] == {"field": "price", "value": None, "reason": "missing"}
    assert problems[1]["value"] == "null"


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(InvalidRowsError) as failure:
        judged([page(sale(price="x" * 10_000))])
    assert max(map(len, str(failure.value).splitlines())) < 200


def test_a_field_that_is_not_in_the_contract_is_noted_with_its_place() -> None:
    judgement = Judgement("stg_sales")
    pages = [
        page(sale()),
        page(sale(), sale(unknown_field="red"), sale(unknown_field=1, field_2=2)),
    ]
    assert len([row for rows in judged(pages, judgement) for row in rows]) == 4
    assert judgement.unknown_fields == {
        "unknown_field": {"first": "page 2, row 2", "rows": 2},
        "field_2": {"first": "page 2, row 3", "rows": 1},
    }


def test_no_more_than_20_fields_are_noted() -> None:
    judgement = Judgement("stg_sales")
    judged([page(sale(**{f"field_{n}": n for n in range(50)}))], judgement)
    assert len(judgement.unknown_fields) == 20
