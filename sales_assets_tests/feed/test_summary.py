"""What is said of the rows of a day."""

from collections.abc import Sequence
from typing import Any

import pytest

from sales_assets.feed.summary import Summary, table


def summed_up(*pages: Sequence[Any]) -> dict[str, Any]:
    summary = Summary("price")
    for rows in pages:
        summary.add(rows)
    return summary.metadata()


def test_rows_are_counted_and_added_up_over_all_pages() -> None:
    metadata = summed_up([{"price": 3}, {"price": 4}], [{"price": 0.5}])
    assert (metadata["dagster/row_count"], metadata["price_sum"]) == (3, 7.5)


@pytest.mark.parametrize("price", ["4", None, True, float("nan"), float("inf"), 2**63, -(2**63)])
def test_only_plain_numbers_are_added_up(price: object) -> None:
    assert summed_up([{"price": 3}, {"price": price}, {}])["price_sum"] == 3


def test_the_first_five_rows_are_shown() -> None:
    preview = summed_up([{"price": n} for n in range(3)], [{"price": n} for n in range(3, 9)])
    records = [record.data for record in preview["preview"].records]
    assert records == [{"price": n} for n in range(5)]


def test_a_cell_holds_no_more_than_a_person_reads() -> None:
    [record] = table([{"client": "x" * 10_000}]).records
    assert len(record.data["client"]) <= 100


def test_no_more_than_20_columns_are_shown() -> None:
    assert len(table([{f"field {n}": n for n in range(50)}]).schema.columns) == 20


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
    [record] = table([{"field": value}]).records
    assert record.data["field"] == shown


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    [record] = table([{"made-up-word": "of made-up-word"}]).records
    assert record.data == {"***": "of ***"}
