"""Rows of a page with their text, and the keys that come twice."""

from sales_assets.feed.json_rows import Repeated, rows_of_page


def test_values_of_a_key_that_comes_twice_are_all_kept() -> None:
    [row] = rows_of_page(b'[{"a": 1, "b": 2, "a": 3}]')
    assert isinstance(row.value, Repeated)
    assert row.value.values_of == {"a": [1, 3]}
