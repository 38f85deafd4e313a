"""What is said of the rows and pages of a day."""

import pytest

from sales_assets.feed.summary import column_sum, page_rows


@pytest.mark.parametrize("price", ["4", None, True, float("nan"), float("inf"), 2**63, -(2**63)])
def test_only_plain_numbers_are_added_up(price: object) -> None:
    assert column_sum([{"price": 3, "x": 9}, {"price": 0.5}, {"price": price}, {}], "price") == 3.5


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
