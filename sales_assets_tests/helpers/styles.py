"""The sales API in each style that a feed can declare, on the server's side and on the client's."""

from typing import Any, NamedTuple

from sales_assets.feed.api import DailyApi
from sales_assets.feed.styles import (
    CursorPages,
    DayRange,
    InBody,
    InHeader,
    LinkedPages,
    NumberedPages,
    OffsetPages,
    OnePage,
)
from sales_assets.http.tokens import BasicToken, BearerToken, HeaderToken, ParameterToken
from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.scripted_api import Shape


class Style(NamedTuple):
    """The declaration of an API, and what its server does."""

    api: type[DailyApi]
    shape: Shape


def declared(shape: Shape, **attributes: Any) -> Style:
    """Declare the sales API with other attributes, as the class of a feed does."""
    return Style(type("Declared", (SalesApi,), attributes), shape)


STYLES = {
    "numbers": declared(Shape()),
    "numbers to an empty page": declared(Shape(empty_at_the_end=True)),
    "numbers from 0 in an envelope": declared(
        Shape(parameter="p", first=0, body='{"data": {"items": ROWS}}', signed="bearer"),
        paging=NumberedPages("p", first=0),
        rows_at="data.items",
        token_style=BearerToken(),
    ),
    "numbers with a flag": declared(
        Shape(body='{"items": ROWS, "has_more": MORE}', signed="header"),
        paging=NumberedPages(more=InBody("has_more")),
        rows_at="items",
        token_style=HeaderToken("X-Api-Key"),
    ),
    "offset": declared(
        Shape(pages="offset", parameter="offset", empty_at_the_end=True),
        paging=OffsetPages(),
    ),
    "offset with a total": declared(
        Shape(
            pages="offset",
            parameter="skip",
            headers={"X-Total-Count": "TOTAL"},
            signed="parameter",
        ),
        paging=OffsetPages("skip", "limit", size=100),
        total=InHeader("X-Total-Count"),
        token_style=ParameterToken("api_key"),
    ),
    "cursor": declared(
        Shape(
            day="since",
            pages="cursor",
            parameter="cursor",
            body='{"meta": {"next": NEXT, "total": TOTAL}, "data": ROWS}',
        ),
        day=DayRange("since", "until"),
        paging=CursorPages(cursor=InBody("meta.next")),
        rows_at="data",
        total=InBody("meta.total"),
    ),
    "cursor in a header": declared(
        Shape(
            day="since",
            pages="cursor",
            parameter="after",
            headers={"X-Next": "NEXT"},
            signed="basic",
        ),
        day=DayRange("since", "until", format="%Y-%m-%dT00:00:00Z"),
        paging=CursorPages("after", InHeader("X-Next")),
        token_style=BasicToken(),
    ),
    "link header": declared(
        Shape(
            pages="address",
            parameter="after",
            headers={"Link": '<x>; rel="first", <NEXT>; rel="next"'},
        ),
        paging=LinkedPages(),
    ),
    "next address": declared(
        Shape(pages="address", parameter="after", body='{"results": ROWS, "next": NEXT}'),
        paging=LinkedPages(InBody("next")),
        rows_at="results",
    ),
}
ONE_PAGE = declared(Shape(pages="one"), paging=OnePage())
