"""Reads the pages of a day in order: by number, or from each page to the next.

`styles` declares the request for each page; `proof` verifies that the pages are the whole day.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass

from sales_assets.feed.page import PulledPage, Request
from sales_assets.feed.stream import StaleDayError
from sales_assets.feed.styles import PageStyle
from sales_assets.http.client import Question, in_order
from sales_assets.http.errors import ApiError


class FeedApiError(ApiError):
    """The API did not return a day, and retrying did not help."""


class NoSuchDayError(FeedApiError):
    """The API has no data for the day: its first page is a 404."""


class DayChangedError(FeedApiError, StaleDayError):
    """The pages of a day are inconsistent with each other or with another reading."""


@dataclass(eq=False)
class Paging:
    """The pages of one day; can be read any number of times.

    Attributes:
        what: The day and its source, for errors.
        fetch: Makes the request for a page, given its number from 1; the result is None for a 404.
        ended: How the day ended when it was last read, in words.
    """

    what: str
    style: PageStyle
    fetch: Callable[[int, Request], Question[PulledPage | None]]
    max_pages: int
    ended: str = ""

    def read(self) -> Generator[PulledPage, None, None]:
        """Fetch all pages in order; raise FeedApiError if one is missing, or there is no end."""
        number = rows = 0
        following: Request | bool | None = None
        size = self.style.size
        with closing(self._by_number() if self.style.any_page else self._in_turn()) as pages:
            for page in pages:
                goes_on = following or (page is not None and page.count)
                if size and goes_on and rows != number * size:
                    raise FeedApiError(
                        f"{self.what}: the pages before page {number + 1} have {rows} rows, not "
                        f"{size} each: set size to the page size that the API uses"
                    )
                if page is None or (self.style.any_page and number and not page.count):
                    break
                if number == self.max_pages:
                    raise FeedApiError(f"{self.what}: no end after {number} pages (max_pages)")
                number += 1
                rows += page.count
                following = page.following
                yield page
                if following is False:
                    self.ended = f"page {number} is marked as the last"
                    return
                if self.style.any_page and not page.count and not following:
                    break
        if number == 0:
            raise NoSuchDayError(
                f"{self.what} has no data for this day (404 on page 1). A day without rows should "
                "be an empty list; if this day really has none, store it with allow_empty_day"
            )
        if following:
            raise self.changed(
                f"page {number} indicates more pages, but page {number + 1} is missing"
            )
        self.ended = f"{'404' if page is None else 'an empty list'} after page {number}"

    def request(self, number: int) -> Request:
        """Return the request for a page, counted from 1; only the first unless `any_page`."""
        return self.style.request(number, (number - 1) * self.style.size)

    def beyond(self, pages: int, rows: int) -> Mapping[int, Request]:
        """Return the requests for the two pages past the end of the day, if `any_page`."""
        if not self.style.any_page:
            return {}
        # After the rows received: an API may return fewer than the limit.
        offsets = {pages + 1: rows, pages + 2: rows + self.style.size}
        return {number: self.style.request(number, offset) for number, offset in offsets.items()}

    def changed(self, problem: str) -> DayChangedError:
        """Return the error for a day whose pages are inconsistent."""
        return DayChangedError(f"{self.what}: {problem}; run this day again")

    def _by_number(self) -> Generator[PulledPage | None, None, None]:
        full = 0

        def goes_on(page: PulledPage | None) -> bool:
            # A page with fewer rows than the first one is likely to be the last.
            nonlocal full
            if page is None or page.following is False:
                return False
            full = full or page.count
            return 0 < full <= page.count

        return in_order(lambda number: self.fetch(number, self.request(number)), goes_on)

    def _in_turn(self) -> Generator[PulledPage | None, None, None]:
        following: object = self.request(1)
        requested: dict[str, int] = {}
        while isinstance(following, Request):
            number = len(requested) + 1
            led_here = requested.setdefault(repr(following), number)
            if led_here != number:
                raise FeedApiError(f"{self.what}: page {number - 1} points back to page {led_here}")
            page = self.fetch(number, following).result()
            yield page
            following = page and page.following
