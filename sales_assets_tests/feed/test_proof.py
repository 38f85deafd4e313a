"""A day is proven to be whole, or it fails: pages that move, repeat, or belong elsewhere."""

import datetime
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from sales_assets.feed.page import Page
from sales_assets.feed.paging import (
    ENDS_AGAIN,
    READ_TWICE,
    DayChangedError,
    FeedApiError,
    NoSuchDayError,
)
from sales_assets.feed.stream import DayStream
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_api, open_sales_api
from sales_assets_tests.helpers.streams import bodies_of, facts_of
from sales_assets_tests.helpers.styles import STYLES, Style

YESTERDAY = (
    datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
).isoformat()
PASSWORD_OF_TESTS = "made-up:word"  # noqa: S105
BOTH_AGES = pytest.mark.parametrize("day", [DAY, YESTERDAY], ids=["settled", "yesterday"])

Change = Callable[[list[Any]], object]


class MovingApi(ScriptedApi):
    """A server with 350 rows on pages of 100, which a test may change before any request."""

    def __init__(self, style: Style) -> None:
        super().__init__(style.shape, PASSWORD_OF_TESTS)
        self.style = style
        self.rows = [sale(price=price) for price in range(350)]
        self.written: Callable[[list[Any]], bytes] = lambda rows: json.dumps(rows).encode()
        self.page = self._rows_of_page
        self._before: dict[int, Callable[[], object]] = {}

    def before(self, number: int, action: Callable[[], object]) -> None:
        """Do something before the request of that number, from 1, is answered."""
        self._before[number] = action

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Change what is to be changed, and answer."""
        self._before.get(len(self.requests) + 1, lambda: None)()
        return super().answer(path, headers)

    def serve_more_than_the_contract(self) -> None:
        """Add a field to each row that differs in each response."""
        served = itertools.count()
        self.written = lambda rows: page(*({**row, "served_at": next(served)} for row in rows))

    def pages_of(self, day: str, **fields: Any) -> DayStream[Page]:
        """Give the pages of a day as the client has them."""
        return open_api(self.style.api, self.url, **fields).pages(day)

    def pull(self, day: str) -> list[Any]:
        """Read a day, one page after the other; give the rows."""
        pages = self.pages_of(day, max_in_flight=1)
        return [row for page in pages for row in Page(page.body, self.style.api.rows_at).rows]

    def _rows_of_page(self, day: datetime.date, number: int) -> bytes | None:
        rows = self.rows[(number - 1) * 100 : number * 100]
        return self.written(rows) if rows else None


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", PASSWORD_OF_TESTS)


@pytest.fixture(params=STYLES)
def moving(request: pytest.FixtureRequest) -> Iterator[MovingApi]:
    """A server of each style that an API can be declared to have."""
    with MovingApi(STYLES[request.param]) as api:
        yield api


CHANGES: dict[str, Change] = {
    "a row comes in at the front": lambda rows: rows.insert(0, sale(price=-1)),
    "a row goes at the front": lambda rows: rows.pop(0),
    "a row comes in at the end": lambda rows: rows.append(sale(price=-1)),
    "a row goes at the end": lambda rows: rows.pop(),
    "the last page goes": lambda rows: rows.__delitem__(slice(300, None)),
}
# Every combination for one style, and each change once for the others.
MOVES = [
    *itertools.product(["numbers"], CHANGES, [1, 3, 4], [DAY, YESTERDAY]),
    *itertools.product([*STYLES][1:], CHANGES, [3], [YESTERDAY]),
]


@pytest.mark.parametrize(("name", "change", "after", "day"), MOVES)
def test_a_day_that_moves_while_it_is_read_is_never_taken_for_whole(
    name: str, change: str, after: int, day: str
) -> None:
    with MovingApi(STYLES[name]) as api:
        api.before(after + 1, lambda: CHANGES[change](api.rows))
        with suppress(FeedApiError):
            assert api.pull(day) == api.rows


# The ends of an older day do not show that.
@pytest.mark.parametrize(
    "change",
    [lambda rows: rows.__setitem__(150, sale(price=-1)), lambda rows: rows.pop(150)],
    ids=["another value", "a row less"],
)
def test_what_changes_in_the_middle_of_yesterday_is_noticed(
    change: Change, moving: MovingApi
) -> None:
    moving.before(4, lambda: change(moving.rows))
    with pytest.raises(DayChangedError, match=r"page 2 changed|the API reports"):
        moving.pull(YESTERDAY)


@BOTH_AGES
def test_a_day_says_how_it_was_proven(day: str, moving: MovingApi) -> None:
    any_page = moving.style.shape.pages in ("number", "offset")
    proof = ENDS_AGAIN if day == DAY and any_page else READ_TWICE
    total = "; 350 rows, as reported by the API" if moving.style.api.total else ""
    assert facts_of(moving.pages_of(day))["proof"] == proof + total


def test_how_many_days_may_still_change_can_be_set() -> None:
    with MovingApi(STYLES["numbers"]) as api:
        assert facts_of(api.pages_of(YESTERDAY, settled_days=0))["proof"] == ENDS_AGAIN


SIZES = {"full pages": [100, 100, 100], "a short page in between": [100, 99, 100, 50]}


def sized_pages(sizes: list[int]) -> list[bytes]:
    prices = itertools.count()
    return [page(*(sale(price=next(prices)) for _ in range(size))) for size in sizes]


@BOTH_AGES
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("instead", [{"status": 404}, {"body": "[]"}], ids=["404", "empty"])
@pytest.mark.parametrize("times", [1, 2, None], ids=["once", "twice", "for good"])
def test_a_day_is_never_cut_off_at_a_page_that_is_missing(
    api: ScriptedApi, day: str, sizes: list[int], instead: dict[str, Any], times: int | None
) -> None:
    for number in range(1, len(sizes)):
        api.days[day] = sized_pages(sizes)
        api.fail(**instead, page=number, times=times)
        with pytest.raises((DayChangedError, NoSuchDayError)):
            bodies_of(open_sales_api(api.url).pages(day))


@BOTH_AGES
@pytest.mark.parametrize("times", [1, None], ids=["once", "for good"])
def test_a_page_that_is_missing_is_the_end_of_a_day_in_no_style(
    day: str, times: int | None, moving: MovingApi
) -> None:
    moving.fail(status=404, page=3, times=times)
    with pytest.raises(DayChangedError, match=r"page 3|received .* rows"):
        moving.pull(day)


@BOTH_AGES
@pytest.mark.parametrize(
    ("sizes", "missing", "back"),
    [([100, 60, 0, 100], 3, 4), ([100, 100, 50], 3, 3), ([1], 1, 1)],
    ids=["an empty page in the middle", "the last page", "the whole day"],
)
def test_no_page_may_be_missing_even_for_a_moment(
    api: ScriptedApi, day: str, sizes: list[int], missing: int, back: int
) -> None:
    api.days[day] = sized_pages(sizes)
    api.fail(status=404, page=missing, times=1)
    says = f"page {missing} was missing, but page {back} now has rows"
    with pytest.raises(DayChangedError, match=says):
        bodies_of(open_sales_api(api.url).pages(day, allow_empty=True))


@BOTH_AGES
def test_a_field_outside_the_contract_may_differ_in_each_response(
    day: str, moving: MovingApi
) -> None:
    moving.serve_more_than_the_contract()
    assert len(moving.pull(day)) == 350


def test_the_same_page_for_ever_is_noticed_by_the_fields_of_the_contract(
    moving: MovingApi,
) -> None:
    moving.serve_more_than_the_contract()
    moving.fail(serve_page=1)
    with pytest.raises(FeedApiError, match="repeated page 1 as page 2"):
        moving.pull(DAY)


@pytest.mark.parametrize("missing", [False, True], ids=["a page", "the end"])
def test_a_response_from_a_cache_proves_nothing(api: ScriptedApi, missing: bool) -> None:
    api.days[DAY] = sized_pages([100, 50])
    api.fail(page=3 if missing else 2, headers={"Age": "37"})
    with pytest.raises(FeedApiError, match=r"page \d: 3 attempts .* in a cache \(Age: 37\)"):
        bodies_of(open_sales_api(api.url).pages(DAY))
