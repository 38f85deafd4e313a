"""Rows of a page, in parts."""

import json

import pytest

from sales_assets.feed.json_rows import LARGE_PAGE, ROWS_PER_PART, parts_of_page, values_of_page
from sales_assets.feed.json_text import InvalidPageError


def test_a_large_page_comes_in_parts_that_hold_its_rows_in_order() -> None:
    rows = [{"n": n, "text": 'é, "x"] ' * 20} for n in range(ROWS_PER_PART * 6 + 5)]
    body = json.dumps(rows, indent=1, ensure_ascii=False).encode()
    assert len(body) > LARGE_PAGE
    parts = list(parts_of_page(body))
    assert [part.first for part in parts] == [1 + n * ROWS_PER_PART for n in range(7)]
    assert [row for part in parts for row in values_of_page(part.json)] == rows


def test_a_large_page_that_is_cut_short_is_refused() -> None:
    body = b"[" + b'{"a": 1}, ' * (LARGE_PAGE // 8)
    with pytest.raises(InvalidPageError):
        list(parts_of_page(body))
