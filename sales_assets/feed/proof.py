"""Proves that the pages received are the whole day, in one version.

An API can return inconsistent pages: rows change while the day is read, a page is briefly
missing, a response belongs to another request. A day that may still change is therefore read twice
in full; for an older day, the first and last pages are read again, if possible. If the pages do not
mark the end, two pages past it are tried. If the API reports a total, the row count must match.
Pages are compared by the contract's fields.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress

from sales_assets.feed.page import PulledPage, Request
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, Paging
from sales_assets.http.client import side_by_side

READ_TWICE = "read twice in full; both reads agree"
ENDS_AGAIN = "first and last page read again; both unchanged"


def proven(paging: Paging, *, settled: bool) -> Generator[PulledPage, None, dict[str, object]]:
    """Yield the pages of a day, and raise at the end unless they are one whole day.

    A settled day is old enough not to change any more. The result is metadata: how the day ended,
    and the proof.

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
    with closing(paging.read()) as pages:
        for number, page in enumerate(pages, 1):
            if page.count and numbers.setdefault(page.digest, number) != number:
                seen = numbers[page.digest]
                raise FeedApiError(f"{paging.what}: the API repeated page {seen} as page {number}")
            digests.append(page.digest)
            rows += page.count
            totals.add(page.total)
            says_its_end = page.following is not None or page.total is not None
            yield page
    if totals - {None, rows}:
        reported = " or ".join(map(str, totals))
        raise paging.changed(f"received {rows} rows, but the API reports {reported}")
    both_ends = settled and paging.style.any_page
    ends = {1, len(digests)} if both_ends else set()
    beyond = {} if says_its_end else paging.beyond(len(digests), rows)
    _require_same_ends(paging, digests, ends, beyond)
    if not both_ends:
        _require_same_in_full(paging, digests)
    proof = ENDS_AGAIN if both_ends else READ_TWICE
    if None not in totals:
        proof += f"; {rows} rows, as reported by the API"
    return {"ended": paging.ended, "proof": proof}


def require_unknown(paging: Paging) -> None:
    """Raise DayChangedError if the API now has rows of the day."""
    _require_same_ends(paging, [], set(), {1: paging.request(1), **paging.beyond(0, 0)})


def _require_same_ends(
    paging: Paging, digests: Sequence[bytes], ends: set[int], beyond: Mapping[int, Request]
) -> None:
    requests = {**{number: paging.request(number) for number in ends}, **beyond}
    again = side_by_side({number: paging.fetch(number, one) for number, one in requests.items()})
    for number in sorted(ends):
        page = again[number]
        if page is None or page.digest != digests[number - 1]:
            raise paging.changed(f"page {number} changed while the day was being read")
    for number in beyond:
        page = again[number]
        if page is not None and page.count:
            missing = len(digests) + 1
            raise paging.changed(f"page {missing} was missing, but page {number} now has rows")


def _require_same_in_full(paging: Paging, digests: Sequence[bytes]) -> None:
    number = 0
    with closing(paging.read()) as pages, suppress(NoSuchDayError):
        for number, page in enumerate(pages, 1):
            if number > len(digests) or page.digest != digests[number - 1]:
                raise paging.changed(f"page {number} changed while the day was being read")
    if number < len(digests):
        raise paging.changed(f"the first read found {len(digests)} pages, the second {number}")
