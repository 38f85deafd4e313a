"""The sales API in each style that a feed can declare, on the server's side and on the client's."""

from typing import NamedTuple

from sales_assets.feed.api import DailyApi
from sales_assets.feed.places import InBody, InHeader
from sales_assets.feed.styles import (
    CursorPages,
    DayRange,
    LinkedPages,
    NumberedPages,
    OffsetPages,
    OnePage,
)
from sales_assets.http.tokens import BasicToken, BearerToken, HeaderToken, ParameterToken
from sales_assets.sales.api import SalesApi
from sales_assets.sample.shapes import Shape


class Style(NamedTuple):
    """An API, and what serves it.

    Attributes:
        api: The declaration.
        shape: What the server does.
    """

    api: type[DailyApi]
    shape: Shape


class FromZero(SalesApi):
    """Numbers from 0, and the rows in an envelope."""

    paging = NumberedPages("p", first=0)
    rows_at = "data.items"
    token_style = BearerToken()


class Flagged(SalesApi):
    """A flag at the last page."""

    paging = NumberedPages(more=InBody("has_more"))
    rows_at = "items"
    token_style = HeaderToken("X-Api-Key")


class Offset(SalesApi):
    """An offset and a limit."""

    paging = OffsetPages()


class OffsetWithTotal(SalesApi):
    """An offset and a limit, and a total in a header."""

    paging = OffsetPages("skip", "limit", size=100)
    total = InHeader("X-Total-Count")
    token_style = ParameterToken("api_key")


class Cursor(SalesApi):
    """A cursor in the body."""

    day = DayRange("since", "until")
    paging = CursorPages(cursor=InBody("meta.next"))
    rows_at = "data"
    total = InBody("meta.total")


class HeaderCursor(SalesApi):
    """A cursor in a header."""

    day = DayRange("since", "until", format="%Y-%m-%dT00:00:00Z")
    paging = CursorPages("after", InHeader("X-Next"))
    token_style = BasicToken()


class Linked(SalesApi):
    """The address of the next page in the header Link."""

    paging = LinkedPages()


class Addressed(SalesApi):
    """The address of the next page in the body."""

    paging = LinkedPages(InBody("next"))
    rows_at = "results"


class Whole(SalesApi):
    """The whole day in one page."""

    paging = OnePage()


STYLES = {
    "numbers": Style(SalesApi, Shape()),
    "numbers to an empty page": Style(SalesApi, Shape(empty_at_the_end=True)),
    "numbers from 0 in an envelope": Style(
        FromZero, Shape(parameter="p", first=0, body='{"data": {"items": ROWS}}', signed="bearer")
    ),
    "numbers with a flag": Style(
        Flagged, Shape(body='{"items": ROWS, "has_more": MORE}', signed="header")
    ),
    "offset": Style(Offset, Shape(pages="offset", parameter="offset", empty_at_the_end=True)),
    "offset with a total": Style(
        OffsetWithTotal,
        Shape(
            pages="offset",
            parameter="skip",
            headers={"X-Total-Count": "TOTAL"},
            signed="parameter",
        ),
    ),
    "cursor": Style(
        Cursor,
        Shape(
            day="since",
            pages="cursor",
            parameter="cursor",
            body='{"meta": {"next": NEXT, "total": TOTAL}, "data": ROWS}',
        ),
    ),
    "cursor in a header": Style(
        HeaderCursor,
        Shape(
            day="since",
            pages="cursor",
            parameter="after",
            headers={"X-Next": "NEXT"},
            signed="basic",
        ),
    ),
    "link header": Style(
        Linked,
        Shape(
            pages="address",
            parameter="after",
            headers={"Link": '<x>; rel="first", <NEXT>; rel="next"'},
        ),
    ),
    "next address": Style(
        Addressed,
        Shape(pages="address", parameter="after", body='{"results": ROWS, "next": NEXT}'),
    ),
}
ONE_PAGE = Style(Whole, Shape(pages="one"))
