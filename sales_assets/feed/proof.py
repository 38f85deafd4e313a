"""The proof that the pages that came are the whole day, and one and the same version of it.

An API that tells no total can give pages that do not fit together: rows come in or go while the
day is read, a page is missing for a moment, an answer belongs to another request. A day that may
still change is therefore read twice as a whole; of an older day the first and the last page are
read again. Pages are compared by their rows.
"""

from collections.abc import Generator
from contextlib import closing

from sales_assets.feed.page import Page
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, Paging
from sales_assets.feed.stream import Reading, StaleDayError

READ_TWICE = "read twice as a whole, both times the same"
ENDS_AGAIN = "the first and the last page, read again, were the same"


class DayChangedError(FeedApiError, StaleDayError):
    """The day was not the same when it was read again."""


def proven(paging: Paging, *, settled: bool) -> Generator[Page, None, dict[str, object]]:
    """Give the pages of a day, and raise in the end if they prove not to be one whole day.

    Args:
        paging: Reads the day.
        settled: Whether the day is old enough not to change any more.

    Returns:
        Metadata: how the day ended, and which proof there is.

    Raises:
        DayChangedError: The day was another one when it was read again.
        NoSuchDayError: The API knows nothing of the day.
        FeedApiError: A page came twice, or a page did not come.
    """
    # No page is held on to: many days are read at a time, and pages may be large.
    digests: dict[bytes, int] = {}
    rows = most = 0
    with closing(paging.read()) as pages:
        reading = Reading(pages)
        for page in reading:
            number = len(digests) + 1
            seen = digests.setdefault(page.digest, number)
            if seen != number:
                raise FeedApiError(
                    f"{paging.what}: page {number} is page {seen} again; a day does not end so"
                )
            rows = len(page.rows)
            most = max(most, rows)
            yield page
    if settled:
        problem = _ends_differ(paging, [*digests], last_is_full=0 < most <= rows)
    else:
        problem = _days_differ(paging, [*digests])
    if problem:
        raise DayChangedError(
            f"{paging.what} changed the day while it was read: {problem}; run this day again"
        )
    return {
        "ended": reading.result,
        "proof": ENDS_AGAIN if settled else READ_TWICE,
    }


def _ends_differ(paging: Paging, digests: list[bytes], last_is_full: bool) -> str:
    """Read both ends of the day again; say what is different, if anything is."""
    pages = len(digests)
    first_again, last_again, goes_on = paging.read_ends(pages, last_is_full)
    if first_again is None or first_again.digest != digests[0]:
        return "page 1 was another one when it was read again"
    if last_again is None or last_again.digest != digests[-1]:
        return f"page {pages}, the last one, was another one when it was read again"
    return f"there were pages behind page {pages} when it was read again" if goes_on else ""


def _days_differ(paging: Paging, digests: list[bytes]) -> str:
    """Read the whole day again; say what is different, if anything is."""
    number = 0
    try:
        with closing(paging.read()) as pages:
            for number, page in enumerate(pages, 1):
                if number > len(digests) or page.digest != digests[number - 1]:
                    return f"page {number} was another one when it was read again"
    except NoSuchDayError:
        number = 0
    if number < len(digests):
        return f"it had {len(digests)} pages, and {number} when it was read again"
    return ""
