"""Which pages of a day are not like the others."""

import pytest

from sales_assets.feed.page_rows import PageRows


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
    page_rows = PageRows()
    for rows in pages:
        page_rows.add(rows)
    first, last = (pages[0], pages[-1]) if pages else (0, 0)
    assert page_rows.metadata() == {
        "page_rows": {"pages": len(pages), "first": first, "last": last, "odd": odd}
    }
