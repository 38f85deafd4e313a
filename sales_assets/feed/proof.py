"""Proves that the pages received are the whole day, in one version.

An API can return inconsistent pages: rows change while the day is read, a page is briefly
missing, a response belongs to another request. A day that may still change is therefore read twice
in full; for an older day, the first and last pages are read again, if possible. If the pages do not
mark the end, two pages past it are tried. If the API reports a total, the row count must match.
Pages are compared by the contract's fields.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing

from sales_assets.feed.page import PulledPage
from sales_assets.feed.paging import DayChangedError, FeedApiError, NoSuchDayError, Paging
from sales_assets.feed.stream import Reading
from sales_assets.feed.styles import Request

READ_TWICE = "read twice in full; both reads agree"
ENDS_AGAIN = "first and last page read again; both unchanged"


def proven(paging: Paging, *, settled: bool) -> Generator[PulledPage, None, dict[str, object]]:
    """Yield the pages of a day, and raise at the end unless they are one whole day.

    Args:
        paging: Reads the day.
        settled: Whether the day is old enough not to change any more.

    Returns:
        Metadata: how the day ended, and the proof.

    Raises:
        DayChangedError: The day was different when it was read again, or a page is missing.
        FeedApiError: A page was repeated, or could not be fetched.
    """
    # Pages are not kept: many days are read concurrently, and pages may be large.
    digests: list[bytes] = []
    numbers: dict[bytes, int] = {}
    rows = 0
    totals: set[int | None] = set()
    is_last: bool | None = None
    with closing(paging.read()) as pages:
        reading = Reading(pages)
        for page in reading:
            digests.append(page.digest)
            seen = numbers.setdefault(page.digest, len(digests)) if page.count else len(digests)
            if seen != len(digests):
                raise FeedApiError(
                    f"{paging.what}: the API repeated page {seen} as page {len(digests)}"
                )
            rows += page.count
            totals.add(page.total)
            is_last = page.is_last
            yield page
    ends_again = settled and paging.any_page
    problem = _wrong_total(totals, rows)
    if not problem:
        says_its_end = is_last is not None or None not in totals
        beyond = {} if says_its_end else paging.beyond(len(digests), rows)
        problem = _difference_at_the_ends(paging, digests, ends_again, beyond)
    if not problem and not ends_again:
        problem = _difference_in_full(paging, digests)
    _require_none(paging, problem)
    proof = ENDS_AGAIN if ends_again else READ_TWICE
    if None not in totals:
        proof += f"; {rows} rows, as reported by the API"
    return {"ended": reading.result, "proof": proof}


def require_unknown(paging: Paging) -> None:
    """Raise DayChangedError if the API now knows the day."""
    again = paging.fetch({1: paging.request(1), **paging.beyond(0, 0)})
    found = next((number for number, page in again.items() if page is not None), None)
    _require_none(paging, "" if found is None else f"page {found} was missing but is there now")


def _require_none(paging: Paging, problem: str) -> None:
    if problem:
        raise DayChangedError(f"{paging.what}: {problem}; run this day again")


def _wrong_total(totals: set[int | None], rows: int) -> str:
    if len(totals) > 1:
        return f"the API reports different row counts: {', '.join(map(str, totals))}"
    [total] = totals
    if total not in (None, rows):
        return f"received {rows} rows, but the API reports {total}"
    return ""


def _difference_at_the_ends(
    paging: Paging, digests: Sequence[bytes], both_ends: bool, beyond: Mapping[int, Request]
) -> str:
    """Read the ends of the day again; return what is different or missing, in words."""
    last = len(digests)
    ends = sorted({1, last}) if both_ends else []
    again = paging.fetch({number: paging.request(number) for number in ends} | dict(beyond))
    for number in ends:
        page = again[number]
        if page is None or page.digest != digests[number - 1]:
            return f"page {number} changed while the day was being read"
    for number in beyond:
        page = again[number]
        if page is not None and page.count:
            if number == last + 1:
                return f"page {number} was missing but now has rows"
            return f"page {last + 1} is missing, but page {number} has rows"
    return ""


def _difference_in_full(paging: Paging, digests: Sequence[bytes]) -> str:
    number = 0
    try:
        with closing(paging.read()) as pages:
            for number, page in enumerate(pages, 1):
                if number > len(digests) or page.digest != digests[number - 1]:
                    return f"page {number} changed while the day was being read"
    except NoSuchDayError:
        number = 0
    if number < len(digests):
        return f"the first read found {len(digests)} pages, the second {number}"
    return ""
