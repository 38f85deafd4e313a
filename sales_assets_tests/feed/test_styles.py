"""APIs as they can be declared: five known shapes, and where a response has what is declared."""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sales_assets.feed.api import DailyApi
from sales_assets.feed.json_rows import WrongShapeError
from sales_assets.feed.page import Page, PulledPage
from sales_assets.feed.paging import FeedApiError
from sales_assets.feed.styles import (
    CursorPages,
    DayParameter,
    DayRange,
    InBody,
    InHeader,
    InLastRow,
    InLink,
    LinkedPages,
    NumberedPages,
    OffsetPages,
    Where,
    total_of,
)
from sales_assets.http.client import HttpAnswer
from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.growth import is_linear
from sales_assets_tests.helpers.rows import DAY, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_api
from sales_assets_tests.helpers.streams import bodies_of, facts_of

ROWS = [sale(price=n, id=f"id{n}") for n in (1, 2, 3)]


class CannedApi(ScriptedApi):
    """A server that knows some queries, and nothing else; `URL` stands for its address."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: dict[str, Any] = {}
        self.links: dict[str, str] = {}

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Return what was prepared."""
        super().answer(path, headers)
        query = path.partition("?")[2]
        if query not in self.bodies:
            return Answer(404)
        body = json.dumps(self.bodies[query]).replace("URL", self.url).encode()
        return Answer(
            body=body, headers={"Link": self.links.get(query, "").replace("URL", self.url)}
        )


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Iterator[CannedApi]:
    """The server, with its token in the environment."""
    with CannedApi() as server:
        monkeypatch.setenv("AUTH_TOKEN", server.token)
        yield server


def declared(**attributes: Any) -> type[DailyApi]:
    """Declare an API, as the class of a feed does."""
    return type("DeclaredApi", (SalesApi,), attributes)


LinkHeader = declared(paging=LinkedPages(), parameters={"per_page": "2"})
HasMore = declared(
    paging=CursorPages("starting_after", InLastRow("id"), more=InBody("has_more")), rows_at="data"
)
NextAfter = declared(paging=CursorPages("after", InBody("paging.next.after")), rows_at="results")
OffsetAndTotal = declared(paging=OffsetPages(size=2), rows_at="items", total=InBody("total"))
OffsetAndFlag = declared(paging=OffsetPages(size=2, more=InBody("more")), rows_at="items")
NextInBody = declared(paging=LinkedPages(InBody("next")), rows_at="results", total=InBody("count"))
DATE = f"date={DAY}"
# The API, and what it returns for which query, in order.
KNOWN: dict[str, tuple[type[DailyApi], dict[str, Any]]] = {
    "link header with per_page": (
        LinkHeader,
        {f"{DATE}&per_page=2": ROWS[:2], f"{DATE}&per_page=2&page=2": ROWS[2:]},
    ),
    "cursor with has_more": (
        HasMore,
        {
            DATE: {"object": "list", "data": ROWS[:2], "has_more": True},
            f"{DATE}&starting_after=id2": {"object": "list", "data": ROWS[2:], "has_more": False},
        },
    ),
    "paging.next.after": (
        NextAfter,
        {
            DATE: {"results": ROWS[:2], "paging": {"next": {"after": "Mg==", "link": "x"}}},
            f"{DATE}&after=Mg%3D%3D": {"results": ROWS[2:]},
        },
    ),
    "offset with total": (
        OffsetAndTotal,
        {
            f"{DATE}&offset=0&limit=2": {"items": ROWS[:2], "total": 3, "offset": 0},
            f"{DATE}&offset=2&limit=2": {"items": ROWS[2:], "total": 3, "offset": 2},
        },
    ),
    "next address in the body": (
        NextInBody,
        {
            DATE: {"count": 3, "next": f"URL/sales?{DATE}&page=2", "results": ROWS[:2]},
            f"{DATE}&page=2": {"count": 3, "next": None, "results": ROWS[2:]},
        },
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_day_of_a_well_known_api_is_read_byte_for_byte_and_proven(
    canned: CannedApi, name: str
) -> None:
    api, canned.bodies = KNOWN[name]
    if api is LinkHeader:
        first, second = canned.bodies
        canned.links = {
            first: f'<URL/sales?{second}>; rel="next", <URL/sales?{second}>; rel="last"',
            second: f'<URL/sales?{first}>; rel="prev"',
        }
    day = open_api(api, canned.url, max_in_flight=1).pages(DAY)
    bodies = bodies_of(day)
    assert [row for body in bodies for row in Page(body, api.rows_at).rows] == ROWS
    queries = [path.partition("?")[2] for path in canned.requests]
    assert queries[: len(canned.bodies)] == [*canned.bodies]
    assert bodies == [canned.answer(f"/sales?{query}", {}).body for query in canned.bodies]
    assert ("3 rows, as reported by the API" in facts_of(day)["proof"]) == bool(api.total)


def failure_of(canned: CannedApi, api: type[DailyApi], body: Any) -> str:
    """Read a day whose first page has this body; give the error."""
    canned.bodies |= {DATE: body, f"{DATE}&offset=0&limit=2": body}
    with pytest.raises(FeedApiError) as failure:
        bodies_of(open_api(api, canned.url, max_attempts=1).pages(DAY))
    return str(failure.value)


@pytest.mark.parametrize(
    ("api", "query", "around"),
    [
        (NextInBody, f"{DATE}&page=2", {"count": 3, "next": f"?{DATE}&page=2"}),
        (NextAfter, f"{DATE}&after=2", {"paging": {"next": {"after": "2"}}}),
    ],
)
@pytest.mark.parametrize("rows", [ROWS, []], ids=["rows", "empty pages"])
def test_pages_that_lead_back_fail(
    canned: CannedApi, api: type[DailyApi], query: str, around: dict[str, Any], rows: list[Any]
) -> None:
    canned.bodies[query] = {**around, "results": rows[2:]}
    error = failure_of(canned, api, {**around, "results": rows[:2]})
    assert "page 2 points back to page 2" in error


@pytest.mark.parametrize(
    ("api", "body", "says"),
    [
        (NextInBody, {"count": True, "next": None, "results": ROWS}, "no total row count"),
        (NextInBody, {"count": 4, "next": None, "results": ROWS}, "received 3 rows, .* reports 4"),
        (NextInBody, {"count": 3, "next": ["x"], "results": ROWS}, "is malformed"),
        (NextInBody, {"count": 3, "next": "http://[", "results": ROWS}, "is malformed"),
        (NextInBody, {"count": 3, "next": "?page=3", "results": ROWS}, "but page 2 is missing"),
        (
            NextInBody,
            {"count": 3, "next": "http://h/", "results": ROWS},
            "page 2: http://h/: not req",
        ),
        (NextInBody, {"count": 3, "next": None, "items": ROWS}, "there is no 'results'"),
        (NextInBody, ROWS, "got a list instead of an object with 'results'"),
        (HasMore, {"data": ROWS}, "does not indicate whether more"),
        (HasMore, {"data": ROWS, "has_more": 2}, "does not indicate whether more"),
        (HasMore, {"data": [sale()], "has_more": True}, "the last row has no 'id'"),
        (HasMore, {"data": [], "has_more": True}, "more pages follow, but no cursor"),
        (NextAfter, {"results": ROWS, "paging": {"next": {"after": {}}}}, "neither a string"),
        (OffsetAndFlag, {"items": ROWS[:1], "more": True}, "have 1 rows, not 2 each: set size"),
    ],
)
def test_a_response_that_does_not_fit_what_was_declared_fails_the_day(
    canned: CannedApi, api: type[DailyApi], body: Any, says: str
) -> None:
    assert re.search(says, failure_of(canned, api, body))


@pytest.mark.parametrize(
    ("rows", "size", "says"),
    [
        (2, 1, "page 2 was missing, but page 2 now has rows"),
        (4, 1, "the pages before page 2 have 1 rows, not 2 each: set size to"),
        (4, 3, "the pages before page 2 have 3 rows, not 2 each: set size to"),
    ],
)
def test_an_api_that_returns_fewer_rows_than_the_limit_loses_none(
    canned: CannedApi, rows: int, size: int, says: str
) -> None:
    served = [sale(price=n) for n in range(rows)]
    for offset in range(2 * rows):
        canned.bodies[f"{DATE}&offset={offset}&limit=2"] = served[offset : offset + size]
    with pytest.raises(FeedApiError, match=says):
        bodies_of(open_api(declared(paging=OffsetPages(size=2)), canned.url).pages(DAY))


def test_a_day_is_written_as_the_api_wants_it() -> None:
    day = datetime.date(2022, 8, 31)
    assert DayParameter("d", "%d.%m.%Y").parameters(day) == {"d": "31.08.2022"}
    assert DayRange().parameters(day) == {"from": "2022-08-31", "to": "2022-09-01"}
    inclusive = DayRange(exclusive=False, last_format="%Y-%m-%dT23:59:59Z")
    assert inclusive.parameters(day) == {"from": "2022-08-31", "to": "2022-08-31T23:59:59Z"}


@pytest.mark.parametrize(("flag", "follows"), [("true", True), ("false", False)])
def test_a_flag_in_a_header_says_whether_more_pages_follow(flag: str, follows: bool) -> None:
    answer = HttpAnswer(200, "OK", {"X-More": flag}, "http://host", b"[]")
    page = PulledPage(b"[]", ["id"])
    assert NumberedPages(more=InHeader("X-More")).following(answer, page) is follows
    assert NumberedPages().following(answer, page) is None


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
