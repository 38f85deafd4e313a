"""The shapes in which the sample API serves its pages."""

import datetime

import pytest

from sales_assets.sample.shapes import Shape
from sales_assets_tests.helpers.rows import DAY


@pytest.mark.parametrize(
    ("shape", "query", "number"),
    [
        (Shape(), {"date": DAY}, 1),
        (Shape(first=0), {"date": DAY, "page": "2"}, 3),
        (Shape(pages="offset"), {"date": DAY, "page": "150", "limit": "100"}, 3),
        (Shape(pages="cursor"), {"date": DAY, "page": "c4"}, 4),
        (Shape(pages="one"), {"date": DAY}, 1),
        (Shape(day="since"), {"since": f"{DAY}T00:00:00Z"}, 1),
    ],
)
def test_a_query_is_for_a_page_of_a_day(shape: Shape, query: dict[str, str], number: int) -> None:
    assert shape.asked(query) == (datetime.date.fromisoformat(DAY), number)


def test_rows_are_served_byte_for_byte_with_what_was_asked_for_around_them() -> None:
    shape = Shape(
        pages="address",
        body='{"data": ROWS, "more": MORE}',
        headers={"Link": "<NEXT>", "X-N": "TOTAL"},
    )
    pages = [b'[ {"a" : 1} ]', b"[{}, {}]"]
    assert shape.served(pages[0], 1, pages, f"http://host/sales?date={DAY}") == (
        b'{"data": [ {"a" : 1} ], "more": true}',
        {"Link": f"<http://host/sales?date={DAY}&page=c2>", "X-N": "3"},
    )
    assert shape.served(pages[1], 2, pages, "") == (
        b'{"data": [{}, {}], "more": false}',
        {"X-N": "3"},
    )
