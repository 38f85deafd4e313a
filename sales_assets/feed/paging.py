"""Reads the pages of a day, and proves that they are the whole day, in one version.

An API can return inconsistent pages: rows change while the day is read, a page is briefly
missing, a response belongs to another request. A day that may still change is therefore read twice
in full; for an older day, the first and last pages are read again, if possible. If the pages do not
mark the end, two pages past it are tried. If the API reports a total, the row count must match.
Pages are compared by the contract's fields.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from sales_assets.feed.page import PulledPage, Request
from sales_assets.feed.stream import StaleDayError
from sales_assets.feed.styles import PageStyle
from sales_assets.http.client import Question, in_order, side_by_side
from sales_assets.http.errors import ApiError

READ_TWICE = "read twice in full; both reads agree"
ENDS_AGAIN = "first and last page read again; both unchanged"


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
    """

    what: str
    style: PageStyle
    fetch: Callable[[int, Request], Question[PulledPage | None]]
    max_pages: int
    _ended: str = ""

    def proven(self, *, settled: bool) -> Generator[PulledPage, None, dict[str, object]]:
        """Yield the pages of a day, and raise at the end unless they are one whole day.

        A settled day is old enough not to change any more. The result is metadata: how the day
        ended, and the proof.

        Raises:
            DayChangedError: The day was different when it was read again, or a page is missing.
            FeedApiError: A page was repeated, or could not be fetched.
        """
        # Pages are not kept: many days are read concurrently, and pages may be large.
        digests: list[bytes] = []
        numbers: dict[bytes, int] = {}
        rows = 0
        totals: set[int | None] = set()
        says_its_end = False
        with closing(self._read()) as pages:
            for number, page in enumerate(pages, 1):
                if page.count and numbers.setdefault(page.digest, number) != number:
                    seen = numbers[page.digest]
                    raise FeedApiError(
                        f"{self.what}: the API repeated page {seen} as page {number}"
                    )
                digests.append(page.digest)
                rows += page.count
                totals.add(page.total)
                says_its_end = page.following is not None or page.total is not None
                yield page
        if totals - {None, rows}:
            reported = " or ".join(map(str, totals))
            raise self._changed(f"received {rows} rows, but the API reports {reported}")
        both_ends = settled and self.style.any_page
        ends = {1, len(digests)} if both_ends else set()
        beyond = {} if says_its_end else self._beyond(len(digests), rows)
        self._require_same_ends(digests, ends, beyond)
        if not both_ends:
            self._require_same_in_full(digests)
        proof = ENDS_AGAIN if both_ends else READ_TWICE
        if None not in totals:
            proof += f"; {rows} rows, as reported by the API"
        return {"ended": self._ended, "proof": proof}

    def require_unknown(self) -> None:
        """Raise DayChangedError if the API now has rows of the day."""
        self._require_same_ends([], set(), {1: self._request(1), **self._beyond(0, 0)})

    def _require_same_ends(
        self, digests: Sequence[bytes], ends: set[int], beyond: Mapping[int, Request]
    ) -> None:
        requests = {**{number: self._request(number) for number in ends}, **beyond}
        again = side_by_side({number: self.fetch(number, one) for number, one in requests.items()})
        for number in sorted(ends):
            page = again[number]
            if page is None or page.digest != digests[number - 1]:
                raise self._changed(f"page {number} changed while the day was being read")
        for number in beyond:
            page = again[number]
            if page is not None and page.count:
                missing = len(digests) + 1
                raise self._changed(f"page {missing} was missing, but page {number} now has rows")

    def _require_same_in_full(self, digests: Sequence[bytes]) -> None:
        number = 0
        with closing(self._read()) as pages, suppress(NoSuchDayError):
            for number, page in enumerate(pages, 1):
                if number > len(digests) or page.digest != digests[number - 1]:
                    raise self._changed(f"page {number} changed while the day was being read")
        if number < len(digests):
            raise self._changed(f"the first read found {len(digests)} pages, the second {number}")

    def _changed(self, problem: str) -> DayChangedError:
        return DayChangedError(f"{self.what}: {problem}; run this day again")

    def _read(self) -> Generator[PulledPage, None, None]:
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
                    self._ended = f"page {number} is marked as the last"
                    return
                if self.style.any_page and not page.count and not following:
                    break
        if number == 0:
            raise NoSuchDayError(
                f"{self.what} has no data for this day (404 on page 1). A day without rows should "
                "be an empty list; if this day really has none, store it with allow_empty_day"
            )
        if following:
            raise self._changed(
                f"page {number} indicates more pages, but page {number + 1} is missing"
            )
        self._ended = f"{'404' if page is None else 'an empty list'} after page {number}"

    def _by_number(self) -> Generator[PulledPage | None, None, None]:
        full = 0

        def goes_on(page: PulledPage | None) -> bool:
            # A page with fewer rows than the first one is likely to be the last.
            nonlocal full
            if page is None or page.following is False:
                return False
            full = full or page.count
            return 0 < full <= page.count

        return in_order(lambda number: self.fetch(number, self._request(number)), goes_on)

    def _in_turn(self) -> Generator[PulledPage | None, None, None]:
        following: object = self._request(1)
        requested: dict[str, int] = {}
        while isinstance(following, Request):
            number = len(requested) + 1
            led_here = requested.setdefault(repr(following), number)
            if led_here != number:
                raise FeedApiError(f"{self.what}: page {number - 1} points back to page {led_here}")
            page = self.fetch(number, following).result()
            yield page
            following = page and page.following

    def _request(self, number: int) -> Request:
        return self.style.request(number, (number - 1) * self.style.size)

    def _beyond(self, pages: int, rows: int) -> Mapping[int, Request]:
        """Return the requests for the two pages past the end of the day, if `any_page`."""
        if not self.style.any_page:
            return {}
        # After the rows received: an API may return fewer than the limit.
        offsets = {pages + 1: rows, pages + 2: rows + self.style.size}
        return {number: self.style.request(number, offset) for number, offset in offsets.items()}
