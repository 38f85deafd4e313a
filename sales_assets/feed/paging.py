"""How an API hands out a day in pages: which page follows which, and where the day ends.

Another style, such as a cursor, is another class beside `NumberedPages`. Whether what came is
really the whole day is not judged here (`proof` does that), nor is what the rows hold.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing

from sales_assets.feed.page import PulledPage
from sales_assets.feed.read_ahead import in_order
from sales_assets.http.client import Question
from sales_assets.http.errors import ApiError


class FeedApiError(ApiError):
    """The API did not return a day, and retrying did not help."""


class NoSuchDayError(FeedApiError):
    """The API knows nothing of the day: its first page is a 404."""


class Paging(ABC):
    """The pages of one day, to be read any number of times.

    Attributes:
        what: The day and where it comes from, for errors.
    """

    what: str

    @abstractmethod
    def read(self) -> Generator[PulledPage, None, str]:
        """Fetch all pages, in order and not far ahead of their use.

        Returns:
            How the day ended, for a person to read.

        Raises:
            NoSuchDayError: The API knows nothing of the day.
            FeedApiError: A page could not be fetched, or the day has no end.
        """

    @abstractmethod
    def fetch(self, numbers: Collection[int]) -> Mapping[int, PulledPage | None]:
        """Fetch some pages once more, whatever comes before them; None for one that is missing."""


class NumberedPages(Paging):
    """Pages numbered from 1, until a 404 or an empty list.

    Args:
        what: The day and where it comes from.
        page: Requests the page of a number; None for a 404.
        max_pages: After how many pages the day is taken to have no end.
    """

    def __init__(
        self, what: str, page: Callable[[int], Question[PulledPage | None]], max_pages: int
    ) -> None:
        self.what = what
        self._page = page
        self._max_pages = max_pages

    def read(self) -> Generator[PulledPage, None, str]:
        """Fetch all pages; a page that is not full is likely to be the last."""
        full = 1
        number = 0

        def is_full(page: PulledPage | None) -> bool:
            return page is not None and page.count >= full

        with closing(in_order(self._page, goes_on=is_full)) as pages:
            for page in pages:
                if page is None and number == 0:
                    raise NoSuchDayError(
                        f"{self.what} has nothing for this day (404 on page 1). A day without rows "
                        "should be an empty list; if this is one all the same, store it with "
                        "allow_empty_day"
                    )
                if page is None or (not page.count and number):
                    break
                number += 1
                if number > self._max_pages:
                    raise FeedApiError(
                        f"{self.what}: no end after {self._max_pages} pages (max_pages)"
                    )
                if number == 1:
                    full = max(full, page.count)
                yield page
                if not page.count:
                    break
        return f"{'404' if page is None else 'an empty list'} after page {number}"

    def fetch(self, numbers: Collection[int]) -> Mapping[int, PulledPage | None]:
        """Fetch them side by side."""
        pages = {number: self._page(number) for number in numbers}
        for page in pages.values():
            page.begin()
        return {number: page.result() for number, page in pages.items()}
