"""Reads the pages of a day in order: by number, or from each page to the next.

`styles` declares the request for each page; `proof` verifies that the pages are the whole day. Rows
are not validated here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import cast

from sales_assets.feed.page import PulledPage
from sales_assets.feed.read_ahead import in_order, side_by_side
from sales_assets.feed.stream import StaleDayError
from sales_assets.feed.styles import NumberedPages, OffsetPages, Request
from sales_assets.http.client import Question
from sales_assets.http.errors import ApiError

Fetch = Callable[[int, Request], Question[PulledPage | None]]
"""Sends the request for a page, given its number from 1; returns None for a 404."""


class FeedApiError(ApiError):
    """The API did not return a day, and retrying did not help."""


class NoSuchDayError(FeedApiError):
    """The API has no data for the day: its first page is a 404."""


class DayChangedError(FeedApiError, StaleDayError):
    """The pages of a day are inconsistent with each other or with another reading."""


class Paging(ABC):
    """The pages of one day; can be read any number of times.

    Attributes:
        any_page: Whether a page can be fetched without those before it.

    Args:
        what: The day and its source, for errors.
        fetch: Requests a page.
        max_pages: The number of pages after which the day is considered endless.
    """

    any_page: bool

    def __init__(self, what: str, fetch: Fetch, max_pages: int) -> None:
        self.what = what
        self._fetch = fetch
        self._max_pages = max_pages

    @abstractmethod
    def read(self) -> Generator[PulledPage, None, str]:
        """Fetch all pages in order; return how the day ended, in words.

        Raises:
            FeedApiError: A page is missing or could not be fetched, or the day has no end.
        """

    def request(self, number: int) -> Request:
        """Return the request for a page, counted from 1; only the first one unless `any_page`."""
        return Request()

    def beyond(self, pages: int, rows: int) -> dict[int, Request]:
        """Return requests for pages past the end of the day, if the style allows any."""
        return {}

    def fetch(self, requests: Mapping[int, Request]) -> Mapping[int, PulledPage | None]:
        """Fetch pages concurrently; None for a missing page."""
        return side_by_side(
            {number: self._fetch(number, request) for number, request in requests.items()}
        )

    def _require_known(self, page: PulledPage | None) -> None:
        if page is None:
            raise NoSuchDayError(
                f"{self.what} has no data for this day (404 on page 1). A day without rows should "
                "be an empty list; if this day really has none, store it with allow_empty_day"
            )

    def _require_end(self, number: int) -> None:
        if number > self._max_pages:
            raise FeedApiError(f"{self.what}: no end after {self._max_pages} pages (max_pages)")


class PagesByNumber(Paging):
    """Pages that can each be requested independently."""

    any_page = True

    def __init__(
        self, what: str, fetch: Fetch, max_pages: int, style: NumberedPages | OffsetPages
    ) -> None:
        super().__init__(what, fetch, max_pages)
        self._style = style

    def read(self) -> Generator[PulledPage, None, str]:
        """Fetch all pages; a page that is not full is likely to be the last."""
        full = 1
        number = rows = 0

        def goes_on(page: PulledPage | None) -> bool:
            return page is not None and page.count >= full and not page.is_last

        is_last: bool | None = None
        with closing(in_order(self._page, goes_on)) as pages:
            for page in pages:
                if number == 0:
                    self._require_known(page)
                if page is None or (not page.count and number):
                    if is_last is False:
                        raise DayChangedError(
                            f"{self.what}: page {number} indicates more pages, but page "
                            f"{number + 1} is missing; run this day again"
                        )
                    break
                number += 1
                self._require_end(number)
                if isinstance(self._style, OffsetPages) and rows < (number - 1) * self._style.size:
                    raise FeedApiError(
                        f"{self.what}: the pages before page {number} have {rows} rows, not "
                        f"{self._style.size} each: set size to the page size that the API uses"
                    )
                rows += page.count
                is_last = page.is_last
                if number == 1:
                    full = max(full, page.count)
                yield page
                if is_last:
                    return f"page {number} is marked as the last"
                if not page.count:
                    break
        return f"{'404' if page is None else 'an empty list'} after page {number}"

    def request(self, number: int) -> Request:
        """Return the request for a page, counted from 1."""
        return self._style.request(number)

    def beyond(self, pages: int, rows: int) -> dict[int, Request]:
        """Return the requests for the two pages past the end."""
        return {pages + n: self._style.beyond(pages, rows, n) for n in (1, 2)}

    def _page(self, number: int) -> Question[PulledPage | None]:
        return self._fetch(number, self._style.request(number))


class PagesInTurn(Paging):
    """Pages that each determine the request for the next one."""

    any_page = False

    def read(self) -> Generator[PulledPage, None, str]:
        """Fetch all pages sequentially."""
        number = 0
        following: Request | None = Request()
        requested: dict[str, int] = {}
        while following is not None:
            number += 1
            self._require_end(number)
            led_here = requested.setdefault(repr(following), number)
            if led_here != number:
                raise FeedApiError(f"{self.what}: page {number - 1} points back to page {led_here}")
            page = self._fetch(number, following).result()
            if number == 1:
                self._require_known(page)
            if page is None:
                raise DayChangedError(
                    f"{self.what}: page {number - 1} indicates more pages, but page {number} is "
                    "missing; run this day again"
                )
            following = cast("Request | None", page.following)
            yield page
        return f"page {number} is marked as the last"
