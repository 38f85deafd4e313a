"""The proof that the pages that came are the whole day, and one and the same version of it.

An API that reports no total can return pages that do not fit together: rows come and go while the
day is read, a page is missing for a moment, a response belongs to another request. A day that may
still change is therefore read twice in full; of an older day the first and the last page are read
again. In both cases two pages past the end are tried. Pages are compared by the contract's fields.
"""

from collections.abc import Generator, Sequence
from contextlib import closing

from sales_assets.feed.page import Page, PulledPage
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, Paging
from sales_assets.feed.stream import Reading, StaleDayError

READ_TWICE = "read twice in full, both times the same"
ENDS_AGAIN = "the first and the last page, read again, were the same"

_PAGES_PAST_THE_END = 2


class DayChangedError(FeedApiError, StaleDayError):
    """The pages of a day do not fit together, or not with those of another reading."""


def proven(paging: Paging, *, settled: bool) -> Generator[PulledPage, None, dict[str, object]]:
    """Give the pages of a day, and raise in the end if they prove not to be one whole day.

    Args:
        paging: Reads the day.
        settled: Whether the day is old enough not to change any more.

    Returns:
        Metadata: how the day ended, and which proof there is.

    Raises:
        DayChangedError: The day was different when it was read again, or a page is missing.
        NoSuchDayError: The API knows nothing of the day.
        FeedApiError: A page came twice, or could not be fetched.
    """
    # No page is held on to: many days are read at a time, and pages may be large.
    digests: dict[bytes, int] = {}
    with closing(paging.read()) as pages:
        reading = Reading(pages)
        for page in reading:
            number = len(digests) + 1
            seen = digests.setdefault(page.digest, number)
            if seen != number:
                raise FeedApiError(f"{paging.what}: the API repeated page {seen} as page {number}")
            yield page
    _require_same_again(paging, [*digests], settled)
    return {"ended": reading.result, "proof": ENDS_AGAIN if settled else READ_TWICE}


def proven_empty(paging: Paging) -> Generator[Page, None, dict[str, object]]:
    """Give an empty day for one that the API does not know, if it still does not know it.

    Raises:
        DayChangedError: There is something of the day now.
    """
    _require_same_again(paging, [], settled=True)
    yield Page(b"[]")
    return {"ended": "404 on page 1, taken for a day without rows"}


def _require_same_again(paging: Paging, digests: Sequence[bytes], settled: bool) -> None:
    problem = _difference(paging, digests, settled)
    if problem:
        raise DayChangedError(f"{paging.what}: {problem}; run this day again")


def _difference(paging: Paging, digests: Sequence[bytes], settled: bool) -> str:
    """Read again what has to be; say what is different or missing, if anything is."""
    last = len(digests)
    past_the_end = range(last + 1, last + 1 + _PAGES_PAST_THE_END)
    ends = {1, last} if settled and last else set()
    again = paging.fetch([*ends, *past_the_end])
    for number in sorted(ends):
        page = again[number]
        if page is None or page.digest != digests[number - 1]:
            return f"page {number} changed while the day was read"
    for number in past_the_end:
        page = again[number]
        if page is not None and page.count:
            if number == last + 1:
                return f"page {number} was missing, and has rows now"
            return f"page {last + 1} is missing, but page {number} has rows"
    return "" if settled else _difference_in_full(paging, digests)


def _difference_in_full(paging: Paging, digests: Sequence[bytes]) -> str:
    number = 0
    try:
        with closing(paging.read()) as pages:
            for number, page in enumerate(pages, 1):
                if number > len(digests) or page.digest != digests[number - 1]:
                    return f"page {number} changed while the day was read"
    except NoSuchDayError:
        number = 0
    if number < len(digests):
        return f"it had {len(digests)} pages, and {number} when it was read again"
    return ""
