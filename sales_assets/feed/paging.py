"""How an API hands out a day in pages: which page follows which, and where the day ends.

Another style, such as a cursor, is another class beside `NumberedPages`. Whether what came is
really the whole day is not judged here (`proof` does that), nor is what the rows hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import closing

from sales_assets.feed.page import Page
from sales_assets.feed.read_ahead import ReadAhead
from sales_assets.http.errors import ApiError


class FeedApiError(ApiError):
    """The API did not answer with a day, and asking again did not help."""


class NoSuchDayError(FeedApiError):
    """The API knows nothing of the day: 404 on its first page."""


class Paging(ABC):
    """The pages of one day, to be read any number of times.

    Attributes:
        what: The day and where it comes from, for the texts of errors.
    """

    what: str

    @abstractmethod
    def read(self) -> Generator[Page, None, str]:
        """Ask for all pages, in order and not far ahead of their being taken.

        Returns:
            How the day ended, for a person to read.

        Raises:
            NoSuchDayError: The API knows nothing of the day.
            FeedApiError: A page did not come, or the day has no end.
        """

    @abstractmethod
    def read_ends(self, pages: int, last_is_full: bool) -> tuple[Page | None, Page | None, bool]:
        """Ask once more for the first page, the last one, and what may follow it.

        Args:
            pages: How many there were.
            last_is_full: Whether the last page had as many rows as any, so that more may follow.

        Returns:
            The first page, the last page (None for one that is gone), and whether the day goes on.
        """


class NumberedPages(Paging):
    """Pages numbered from 1, until a 404 or an empty list."""

    def __init__(
        self, what: str, ask: Callable[[int], Page | None], read_ahead: ReadAhead, max_pages: int
    ) -> None:
        """Page with `ask`.

        Args:
            what: The day and where it comes from.
            ask: Gives the page of a number; None for a 404.
            read_ahead: Asks ahead, for all days together.
            max_pages: After how many pages the day is taken to have no end.
        """
        self.what = what
        self._ask = ask
        self._read_ahead = read_ahead
        self._max_pages = max_pages

    def read(self) -> Generator[Page, None, str]:
        """See `Paging.read`."""
        most = 1
        number = 0

        def is_full(page: Page | None) -> bool:
            return page is not None and len(page.rows) >= most

        with closing(self._read_ahead.in_order(self._ask, goes_on=is_full)) as pages:
            for page in pages:
                if page is None and number == 0:
                    raise NoSuchDayError(
                        f"{self.what} has nothing for this day (404 on page 1). A day without rows "
                        "answers an empty list; if this is one all the same, store it by "
                        "allow_empty_day"
                    )
                if page is None or (not page.rows and number):
                    break
                number += 1
                if number > self._max_pages:
                    raise FeedApiError(
                        f"{self.what}: no end after {self._max_pages} pages (max_pages)"
                    )
                if number == 1:
                    most = max(most, len(page.rows))
                yield page
                if not page.rows:
                    break
        return f"{'404' if page is None else 'an empty list'} after page {number}"

    def read_ends(self, pages: int, last_is_full: bool) -> tuple[Page | None, Page | None, bool]:
        """See `Paging.read_ends`.

        Only after a full page can there be more, perhaps behind a page that was missing for a
        moment.
        """
        beyond = (pages + 1, pages + 2) if last_is_full else ()
        found = self._read_ahead.call_all(self._ask, [*{1, pages}, *beyond])
        goes_on = any(page.rows for number in beyond if (page := found[number]) is not None)
        return found[1], found[pages], goes_on
