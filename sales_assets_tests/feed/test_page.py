"""A page: its rows, and what stands for them."""

import json

import pytest

from sales_assets.feed.json_rows import InvalidPageError, values_of_page
from sales_assets.feed.page import LARGE_PAGE, ROWS_PER_PART, Page, PulledPage

FIELDS = ("a", "b")


def digest(body: bytes) -> bytes:
    return PulledPage(body, FIELDS).digest


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b'[{"a": 1, "b": "x"}]', b'[ {"b":"\\u0078",\n"a":1} ]'),
        (b'[{"a": 1}, {"b": 2}]', b'[{"a":1},{"b":2}]'),
        (b'[{"a": {"b": 1, "c": 2}}]', b'[{"a": {"c": 2, "b": 1}}]'),
        (b'[{"a": 1, "b": 2, "at": 1}]', b'[{"a": 1, "b": 2, "at": 2, "more": {}}]'),
        (b'[{"a": 1}]', b'\xef\xbb\xbf[{"a": 1}]'),
    ],
    ids=["rows alike", "rows that differ", "objects within", "other fields", "a byte order mark"],
)
def test_the_digest_is_the_same_for_the_same_rows_however_they_are_written(
    body: bytes, same: bytes
) -> None:
    assert digest(body) == digest(same)


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 2, "b": 1}, {}],
        [{"a": 1}, {}],
        [{"a": 1, "b": "2"}, {}],
        [{}, {"a": 1, "b": 2}],
        [{"a": 1, "b": 2}, {"a": None}],
        [{"a": 1, "b": 2}],
        [],
    ],
)
def test_other_rows_have_another_digest(rows: list[object]) -> None:
    assert digest(json.dumps(rows).encode()) != digest(b'[{"a": 1, "b": 2}, {}]')


def test_white_space_that_makes_a_page_a_large_one_does_not_change_its_digest() -> None:
    rows = [{"a": n, "b": "x"} for n in range(2500)]
    small, large = json.dumps(rows), json.dumps(rows, indent=200)
    assert len(small) < LARGE_PAGE < len(large)
    assert digest(small.encode()) == digest(large.encode())


def test_a_large_page_comes_in_parts_that_hold_its_rows_in_order() -> None:
    rows = [{"n": n, "text": 'é, "x"] ' * 20} for n in range(ROWS_PER_PART * 6 + 5)]
    body = json.dumps(rows, indent=1, ensure_ascii=False).encode()
    assert len(body) > LARGE_PAGE
    parts = list(Page(body).parts())
    assert [first for first, _ in parts] == [1 + n * ROWS_PER_PART for n in range(7)]
    assert [row for _, part in parts for row in values_of_page(part)] == rows


def test_a_large_page_that_is_cut_short_is_refused() -> None:
    body = b"[" + b'{"a": 1}, ' * (LARGE_PAGE // 8)
    with pytest.raises(InvalidPageError):
        list(Page(body).parts())
