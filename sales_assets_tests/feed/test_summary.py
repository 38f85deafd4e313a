"""What is said of the rows and pages of a day."""

from collections.abc import Sequence
from typing import Any

import pytest

from sales_assets.feed.summary import Summary, page_rows


def summed_up(*pages: Sequence[Any]) -> dict[str, Any]:
    summary = Summary("price")
    for rows in pages:
        summary.add(rows)
    return summary.metadata()


def test_rows_are_counted_and_added_up_over_all_pages() -> None:
    metadata = summed_up([{"price": 3}, {"price": 4}], [{"price": 0.5}])
    assert (metadata["dagster/row_count"], metadata["price_sum"]) == (3, 7.5)


def test_rows_may_call_the_column_something_else() -> None:
    summary = Summary("price", "the-price")
    summary.add([{"the-price": 3, "price": 100}])
    assert summary.metadata()["price_sum"] == 3


@pytest.mark.parametrize("price", ["4", None, True, float("nan"), float("inf"), 2**63, -(2**63)])
def test_only_plain_numbers_are_added_up(price: object) -> None:
    assert summed_up([{"price": 3}, {"price": price}, {}])["price_sum"] == 3


def test_the_first_five_rows_are_shown() -> None:
    preview = summed_up([{"price": n} for n in range(3)], [{"price": n} for n in range(3, 9)])
    records = [record.data for record in preview["preview"].records]
    assert records == [{"price": n} for n in range(5)]


def first_row_of(row: dict[str, Any]) -> dict[str, Any]:
    [record] = summed_up([row])["preview"].records
    return dict(record.data)


def test_a_cell_holds_no_more_than_a_person_reads() -> None:
    assert len(first_row_of({"client": "x" * 10_000})["client"]) <= 100


def test_no_more_than_20_columns_are_shown() -> None:
    preview = summed_up([{f"field {n}": n for n in range(50)}])["preview"]
    assert len(preview.schema.columns) == len(preview.records[0].data) == 20


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((value, value) for value in (None, True, 7, 0.5)),
        (2**63, str(2**63)),
        ({"a": [1]}, '{"a": [1]}'),
        ("A\ud800", "A\\ud800"),
    ],
)
def test_a_value_that_a_cell_cannot_hold_is_shown_as_text(value: object, shown: object) -> None:
    assert first_row_of({"field": value}) == {"field": shown}


def test_a_name_that_is_not_valid_unicode_is_shown_as_an_escape() -> None:
    assert first_row_of({"A\ud800": 1}) == {"A\\ud800": 1}


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    assert first_row_of({"made-up-word": "of made-up-word"}) == {"***": "of ***"}


@pytest.mark.parametrize(
    ("pages", "odd"),
    [
        ([], {}),
        ([0], {}),
        ([100], {}),
        ([100, 100], {}),
        ([100, 100, 61], {}),
        ([100, 61, 100], {"page": 2, "rows": 61}),
        ([100, 61, 61], {"page": 2, "rows": 61}),
        ([100, 0, 100, 61, 100], {"page": 2, "rows": 0}),
        ([100, 101, 100], {"page": 2, "rows": 101}),
        ([100, 100, 101], {"page": 3, "rows": 101}),
        ([100, 61, 101], {"page": 2, "rows": 61}),
        ([0, 1], {"page": 2, "rows": 1}),
    ],
)
def test_the_first_page_that_is_not_like_page_1_is_odd_unless_it_is_a_shorter_last_one(
    pages: list[int], odd: dict[str, int]
) -> None:
    first, last = (pages[0], pages[-1]) if pages else (0, 0)
    said = {"pages": len(pages), "first": first, "last": last, "odd": odd}
    assert page_rows(pages) == said
