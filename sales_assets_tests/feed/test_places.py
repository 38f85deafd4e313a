"""Where a response has values other than its rows."""

from typing import Any

import pytest

from sales_assets.feed.json_rows import WrongShapeError
from sales_assets.feed.page import PulledPage
from sales_assets.feed.styles import InBody, InHeader, InLastRow, InLink, Where, total_of
from sales_assets.http.client import HttpAnswer
from sales_assets_tests.helpers.growth import is_linear

PAGE = PulledPage(
    b'{"rows": [{"id": 1}, {"id": 2}], "meta": {"next": "c", "total": "7", "bad": -1}, '
    b'"links": [{"rel": "next"}], "none": [], "null": null}',
    ["id"],
    "rows",
)


def answer_with(**headers: str) -> HttpAnswer:
    return HttpAnswer(200, "OK", headers, "http://host", PAGE.body)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (InBody("meta.next"), "c"),
        (InBody("nothing.deeper"), None),
        (InBody("null.deeper"), None),
        (InHeader("X-Next"), "h"),
        (InHeader("X-Other"), None),
        (InLastRow("id"), 2),
    ],
)
def test_a_value_is_found_where_it_was_declared_to_be(place: Where, value: Any) -> None:
    assert place.of(answer_with(**{"X-Next": "h"}), PAGE) == value


@pytest.mark.parametrize(
    ("place", "link", "says"),
    [
        (InBody("meta.next.deeper"), "", "got a string instead of an object with '"),
        (InBody("links.next"), "", "got a list instead of an object with '"),
        (InLastRow("other"), "", "the last row has no 'other'"),
        (InLink(), 'a; rel="next"', "header Link is malformed"),
        (InLink(), '<a> rel="next"', "header Link is malformed"),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_the_end(place: Where, link: str, says: str) -> None:
    with pytest.raises(WrongShapeError, match=says):
        place.of(answer_with(Link=link), PAGE)


def test_a_total_is_a_number_or_digits() -> None:
    assert total_of(InBody("meta.total"), answer_with(), PAGE) == 7
    for place in (InBody("meta.bad"), InBody("meta.next"), InBody("nothing")):
        with pytest.raises(WrongShapeError, match="no total row count"):
            total_of(place, answer_with(), PAGE)


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ('<a>; rel="next"', "a"),
        ("<a>;rel=next", "a"),
        ('<a>; rel="prev", <b>; rel="next last"', "b"),
        ('<a>; title="x, <y>; rel=next"; rel="prev", <b>; REL=Next', "b"),
        ('<a,b;c>; rel="next"', "a,b;c"),
        ('<a>; rel="prev"', None),
        ('<a>; crossorigin; rel="next"', "a"),
        ("<a>; rel='next'; x=y'z", "a"),
        ('<a>;; title=6"; rel="next', "a"),
        ("", None),
    ],
)
def test_the_header_link_is_read_as_rfc_8288_has_it(header: str, address: str | None) -> None:
    assert InLink().of(answer_with(Link=header), PAGE) == address


def test_a_malformed_header_link_is_read_in_linear_time() -> None:
    def read(length: int) -> None:
        with pytest.raises(WrongShapeError):
            InLink().of(answer_with(Link="<" * length), PAGE)

    assert is_linear(read, 100_000)
