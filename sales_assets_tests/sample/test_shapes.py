"""The shapes in which the sample API serves its pages."""

import datetime
import json

import pytest

from sales_assets.sample.shapes import Place, Shape
from sales_assets_tests.helpers.rows import DAY

DATE = datetime.date.fromisoformat(DAY)


def place(number: int, is_last: bool = False) -> Place:
    return Place("http://host/sales", DATE, number, is_last, total=7)


@pytest.mark.parametrize(
    ("shape", "query", "number"),
    [
        (Shape(), {"date": DAY}, 1),
        (Shape(first=0), {"date": DAY, "page": "2"}, 3),
        (Shape(pages="offset"), {"date": DAY, "page": "200", "limit": "100"}, 3),
        (Shape(pages="offset"), {"date": DAY, "page": "150", "limit": "100"}, 3),
        (Shape(pages="cursor"), {"date": DAY, "page": "c4"}, 4),
        (Shape(pages="one"), {"date": DAY}, 1),
        (Shape(day="since"), {"since": f"{DAY}T00:00:00Z"}, 1),
    ],
)
def test_a_query_is_for_a_page_of_a_day(shape: Shape, query: dict[str, str], number: int) -> None:
    assert shape.asked(query) == (DATE, number)


def test_rows_are_served_byte_for_byte_with_what_was_asked_for_around_them() -> None:
    shape = Shape(
        pages="cursor", rows_at="data.items", next_at="next", more_at="more", total_at="header X-N"
    )
    rows = b'[ {"a" : 1} ]'
    body, headers = shape.served(rows, place(1))
    assert rows in body
    assert json.loads(body) == {"data": {"items": [{"a": 1}]}, "next": "c2", "more": True}
    assert headers == {"X-N": "7"}
    body, _ = shape.served(rows, place(2, is_last=True))
    assert (json.loads(body)["next"], json.loads(body)["more"]) == (None, False)


def test_the_next_page_may_be_in_the_header_link() -> None:
    shape = Shape(pages="address", next_at="header Link")
    _, headers = shape.served(b"[]", place(1))
    assert headers["Link"] == f'<http://host/sales?date={DAY}&page=c2>; rel="next"'
    assert "next" not in shape.served(b"[]", place(2, is_last=True))[1]["Link"]
