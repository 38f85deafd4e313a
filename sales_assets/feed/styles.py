"""Classes that describe an API: values for the attributes of a `DailyApi`.

    class OrdersApi(DailyApi):
        day = DayRange("from", "to")
        paging = CursorPages(cursor=InBody("meta.next"))
        rows_at = "data.orders"
        total = InHeader("X-Total-Count")

This module only builds the request for a day and page, and reads from a response what follows.
Sending requests and proving a day do not belong here.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from urllib.parse import urljoin

from sales_assets.feed.page import PulledPage
from sales_assets.feed.places import InBody, InLink, InvalidResponseError, Where, is_last
from sales_assets.http.client import HttpAnswer

_NEXT_CURSOR, _NEXT_LINK = InBody("next_cursor"), InLink()


@dataclass(frozen=True)
class DayParameter:
    """The day is a query parameter, in a `strftime` format."""

    name: str = "date"
    format: str = "%Y-%m-%d"

    def parameters(self, day: datetime.date) -> Mapping[str, str]:
        """Return the query parameters for a day."""
        return {self.name: day.strftime(self.format)}


@dataclass(frozen=True)
class DayRange:
    """The day is a range with a start and an end.

    Attributes:
        first: The parameter for the start.
        last: The parameter for the end.
        exclusive: Whether the end is the first moment after the day instead of the day itself.
        format: The `strftime` format of the start.
        last_format: The format of the end; that of the start unless given.
    """

    first: str = "from"
    last: str = "to"
    exclusive: bool = True
    format: str = "%Y-%m-%d"
    last_format: str = ""

    def parameters(self, day: datetime.date) -> Mapping[str, str]:
        """Return the query parameters for a day."""
        end = day + datetime.timedelta(days=self.exclusive)
        return {
            self.first: day.strftime(self.format),
            self.last: end.strftime(self.last_format or self.format),
        }


def names_in(style: Any) -> Iterator[str]:
    """Yield the parameter names that a style declares: its strings, except for formats."""
    for field in fields(style):
        value = getattr(style, field.name)
        if isinstance(value, str) and "format" not in field.name:
            yield value


class Request(NamedTuple):
    """The request for a page: parameters in addition to those of the day, or a whole address."""

    parameters: Mapping[str, str] = {}
    address: str = ""


@dataclass(frozen=True)
class NumberedPages:
    """Numbered pages, until a 404 or a page without rows.

    Attributes:
        parameter: The parameter for the page number.
        first: The number of the first page.
        more: Where a page indicates whether another one follows, if it does.
    """

    parameter: str = "page"
    first: int = 1
    more: Where | None = None

    def request(self, number: int) -> Request:
        """Return the request for a page, counted from 1."""
        return Request({self.parameter: str(self.first + number - 1)})

    def beyond(self, pages: int, rows: int, number: int) -> Request:
        """Return the request for a page past the end, counted from 1."""
        return self.request(pages + number)

    def read(self, answer: HttpAnswer, page: PulledPage) -> None:
        """Record on the page what follows it."""
        page.is_last = is_last(self.more, answer, page)


@dataclass(frozen=True)
class OffsetPages:
    """Pages by offset and limit, until a 404 or a page without rows.

    Attributes:
        offset: The parameter for the offset.
        limit: The parameter for the number of rows.
        size: Rows per page; the API must return that many in each page but the last.
        more: Where a page indicates whether another one follows, if it does.
    """

    offset: str = "offset"
    limit: str = "limit"
    size: int = 100
    more: Where | None = None

    def request(self, number: int) -> Request:
        """Return the request for a page, counted from 1."""
        return self._from((number - 1) * self.size)

    def beyond(self, pages: int, rows: int, number: int) -> Request:
        """Return the request for a page past the rows received: an API may return fewer."""
        return self._from(rows + (number - 1) * self.size)

    def _from(self, offset: int) -> Request:
        return Request({self.offset: str(offset), self.limit: str(self.size)})

    def read(self, answer: HttpAnswer, page: PulledPage) -> None:
        """Record on the page what follows it."""
        page.is_last = is_last(self.more, answer, page)
        if page.count > self.size or (page.is_last is False and page.count < self.size):
            raise InvalidResponseError(
                f"the page has {page.count} rows, while {self.limit} is {self.size}: set size to "
                "the page size that the API uses"
            )


@dataclass(frozen=True)
class CursorPages:
    """Pages that each have the cursor of the next one, until there is none.

    Attributes:
        parameter: The parameter for the cursor.
        cursor: Where a page has the cursor of the next one.
        more: Where a page indicates whether another one follows; by default, a cursor does.
    """

    parameter: str = "cursor"
    cursor: Where = _NEXT_CURSOR
    more: Where | None = None

    def read(self, answer: HttpAnswer, page: PulledPage) -> None:
        """Record on the page what follows it."""
        if is_last(self.more, answer, page):
            return
        cursor = self.cursor.of(answer, page)
        if cursor in (None, "", False):
            if self.more is not None:
                raise InvalidResponseError(f"more pages follow, but no cursor ({self.cursor})")
            return
        if not isinstance(cursor, (str, int)) or cursor is True:
            raise InvalidResponseError("the cursor is neither a string nor a number")
        page.following = Request({self.parameter: str(cursor)})


@dataclass(frozen=True)
class LinkedPages:
    """Pages that each have the `address` of the next one, until there is none."""

    address: Where = _NEXT_LINK

    def read(self, answer: HttpAnswer, page: PulledPage) -> None:
        """Record on the page what follows it."""
        address = self.address.of(answer, page)
        if address in (None, "", False):
            return
        if not isinstance(address, str):
            raise InvalidResponseError("the address of the next page is not a string")
        try:
            page.following = Request(address=urljoin(answer.address, address))
        except ValueError:
            raise InvalidResponseError("the address of the next page is malformed") from None


@dataclass(frozen=True)
class OnePage:
    """The whole day is one page."""

    def read(self, answer: HttpAnswer, page: PulledPage) -> None:
        """Do nothing: no page follows."""
