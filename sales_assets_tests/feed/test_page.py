"""A page: its rows, and what stands for them."""

import pytest

from sales_assets.feed.json_rows import InvalidPageError
from sales_assets.feed.page import Page


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b'[{"a": 1, "b": "x"}]', b'[ {"b":"\\u0078",\n"a":1} ]'),
        (b'[{"a": 1}, {"b": 2}]', b'[{"a":1},{"b":2}]'),
        (b'[{"a": {"b": 1, "c": 2}}]', b'[{"a": {"c": 2, "b": 1}}]'),
    ],
    ids=["rows alike", "rows that differ", "objects within"],
)
def test_the_digest_is_the_same_for_the_same_rows_however_they_are_written(
    body: bytes, same: bytes
) -> None:
    assert Page(body).digest == Page(same).digest


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a": 1, "b": 3}]',
        b'[{"a": 1}]',
        b'[{"a": 2, "b": 1}]',
        b'[{"a": 1, "c": 2}]',
        b'[{"a": 1, "b": 2}, {"a": 1, "b": 2}]',
        b'[{"a": 1, "b": "2"}]',
        b'[{"a": 1, "b": {}}]',
        b"[]",
    ],
)
def test_other_rows_have_another_digest(body: bytes) -> None:
    assert Page(body).digest != Page(b'[{"a": 1, "b": 2}]').digest


def test_rows_in_another_order_have_another_digest() -> None:
    assert Page(b'[{"a": 1}, {"a": 2}]').digest != Page(b'[{"a": 2}, {"a": 1}]').digest


def test_a_row_that_is_not_an_object_is_named() -> None:
    with pytest.raises(InvalidPageError, match="row 2 is not an object"):
        Page(b'[{"a": 1}, 2]').require_objects()


def test_a_page_is_shown_by_its_size_and_not_by_its_rows() -> None:
    assert repr(Page(b'[{"client": "Ada"}]')) == "Page(19 bytes)"
