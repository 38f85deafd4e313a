"""Classes that describe an API: values for the attributes of a `DailyApi`.

    class OrdersApi(DailyApi):
        day = DayRange("from", "to")
        paging = CursorPages(cursor=InBody("meta.next"))
        rows_at = "data.orders"
        total = InHeader("X-Total-Count")

They build the request for a day and page, and read from a response what follows.
"""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urljoin

from typing_extensions import override

from sales_assets.feed.json_rows import WrongShapeError, kind_of
from sales_assets.feed.page import PulledPage, Request
from sales_assets.http.client import HttpAnswer

_VALUE = r'("(?:[^"\\]|\\.)*"|[^,;\s]*)'
_LINK = re.compile(rf"<([^<>]*)>((?:\s*;(?:\s*[^=;,\s]+(?:\s*=\s*{_VALUE})?)?)*)")
_PARAMETER = re.compile(rf";\s*([^=;,\s]+)\s*=\s*{_VALUE}")


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
    """The day is a range with a start and an end, in `strftime` formats.

    If `exclusive`, the end is the first moment after the day, otherwise the day itself. Its format
    is that of the start unless `last_format` is given.
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


@dataclass(frozen=True)
class InBody:
    """A value in the body outside the rows, by the path of its keys, as in `paging.next.after`."""

    path: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return the value, None for an empty list; raise WrongShapeError below other values."""
        value: Any = page.around
        for key in self.path.split("."):
            if value and not isinstance(value, dict):
                raise WrongShapeError(f"got {kind_of(value)} instead of an object with {key!r}")
            value = value.get(key) if value else None
        return None if value == [] else value


@dataclass(frozen=True)
class InHeader:
    """A header of the response."""

    name: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return its text."""
        return answer.headers.get(self.name)


@dataclass(frozen=True)
class InLastRow:
    """A field of the last row."""

    key: str

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return its value; raise WrongShapeError if a row lacks it."""
        value = page.last_row.get(self.key)
        if value is None and page.count:
            raise WrongShapeError(f"the last row has no {self.key!r}")
        return value


@dataclass(frozen=True)
class InLink:
    """The header `Link` (RFC 8288): the address with a given relation."""

    rel: str = "next"

    def of(self, answer: HttpAnswer, page: PulledPage) -> Any:
        """Return the address; raise WrongShapeError rather than overlook one."""
        header = answer.headers.get("Link", "")
        if _LINK.sub("", header).strip(", \t"):
            raise WrongShapeError("the header Link is malformed")
        for address, parameters, _ in _LINK.findall(header):
            for name, value in _PARAMETER.findall(parameters):
                if name.lower() == "rel" and self.rel in value.strip("\"'").lower().split():
                    return address.strip()
        return None


Where = InBody | InHeader | InLastRow | InLink
"""The location of a value in a response."""


def total_of(where: Where, answer: HttpAnswer, page: PulledPage) -> int:
    """Return the row count that the API reports for a day, or raise WrongShapeError."""
    total = where.of(answer, page)
    if isinstance(total, str) and re.fullmatch(r"[0-9]{1,15}", total.strip()):
        return int(total)
    if type(total) is int and total >= 0:
        return total
    raise WrongShapeError(f"there is no total row count ({where})")


_NEXT_CURSOR, _NEXT_LINK = InBody("next_cursor"), InLink()


class PageStyle:
    """How the pages of a day are requested.

    Attributes:
        any_page: Whether a page can be requested without those before it.
        size: The rows of each page but the last, if requests depend on it.
        more: Where a page indicates whether another one follows, if it does.
    """

    any_page: ClassVar[bool] = False
    size: int = 0
    more: Where | None = None

    def request(self, number: int, offset: int) -> Request:
        """Return the request for a page, counted from 1, after so many rows."""
        return Request()

    def following(self, answer: HttpAnswer, page: PulledPage) -> Request | bool | None:
        """Return the `PulledPage.following`; raise WrongShapeError if what it needs is missing."""
        if self.more is None:
            return None
        flag = self.more.of(answer, page)
        if flag not in (True, "true", False, "false"):
            raise WrongShapeError(f"it does not indicate whether more pages follow ({self.more})")
        return flag in (True, "true")


@dataclass(frozen=True)
class OnePage(PageStyle):
    """The whole day is one page."""

    @override
    def following(self, answer: HttpAnswer, page: PulledPage) -> bool:
        return False


@dataclass(frozen=True)
class NumberedPages(PageStyle):
    """Numbered pages from `first` on, until a 404 or a page without rows."""

    any_page = True
    parameter: str = "page"
    first: int = 1
    more: Where | None = None

    @override
    def request(self, number: int, offset: int) -> Request:
        return Request({self.parameter: str(self.first + number - 1)})


@dataclass(frozen=True)
class OffsetPages(PageStyle):
    """Pages by offset and limit, until a 404 or a page without rows.

    The API must return `size` rows in each page but the last.
    """

    any_page = True
    offset: str = "offset"
    limit: str = "limit"
    size: int = 100
    more: Where | None = None

    @override
    def request(self, number: int, offset: int) -> Request:
        return Request({self.offset: str(offset), self.limit: str(self.size)})


@dataclass(frozen=True)
class CursorPages(PageStyle):
    """Pages that each have the `cursor` of the next one, until there is none."""

    parameter: str = "cursor"
    cursor: Where = _NEXT_CURSOR
    more: Where | None = None

    @override
    def following(self, answer: HttpAnswer, page: PulledPage) -> Request | bool:
        goes_on = super().following(answer, page)
        cursor = None if goes_on is False else self.cursor.of(answer, page)
        if cursor in (None, "", False):
            if goes_on:
                raise WrongShapeError(f"more pages follow, but no cursor ({self.cursor})")
            return False
        if not isinstance(cursor, (str, int)) or cursor is True:
            raise WrongShapeError("the cursor is neither a string nor a number")
        return Request({self.parameter: str(cursor)})


@dataclass(frozen=True)
class LinkedPages(PageStyle):
    """Pages that each have the `address` of the next one, until there is none."""

    address: Where = _NEXT_LINK

    @override
    def following(self, answer: HttpAnswer, page: PulledPage) -> Request | bool:
        address = self.address.of(answer, page)
        if address in (None, "", False):
            return False
        try:
            return Request(address=urljoin(answer.address, address))
        except (TypeError, ValueError):
            raise WrongShapeError("the address of the next page is malformed") from None
