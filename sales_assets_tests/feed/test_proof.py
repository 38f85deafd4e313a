"""A day is proven to be whole, or it fails: pages that move, repeat, or belong elsewhere."""

import datetime
import itertools
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from sales_assets.feed.page import Page
from sales_assets.feed.paging import DayChangedError, FeedApiError, NoSuchDayError
from sales_assets.feed.proof import ENDS_AGAIN, READ_TWICE
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


class MovingApi(ScriptedApi):
    """A server whose rows a test may change before any request.

    Attributes:
        rows: The rows of every day, newest first; a page has 100 of them.
        before: Called with the number of each request, from 1, before it is answered.
        written: Makes the body of a page.
    """

    def __init__(self, rows: int, style: Style = STYLES["numbers"]) -> None:
        """Serve so many different rows."""
        super().__init__(style.shape, PASSWORD_OF_TESTS)
        self._style = style
        self.rows = [sale(price=price) for price in range(rows)]
        self.before: Callable[[int], None] = lambda number: None
        self.written: Callable[[list[Any]], bytes] = lambda rows: json.dumps(rows).encode()
        self.page = self._rows_of_page

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Change what is to be changed, and answer."""
        self.before(len(self.requests) + 1)
        return super().answer(path, headers)

    def _rows_of_page(self, day: datetime.date, number: int) -> bytes | None:
        rows = self.rows[(number - 1) * 100 : number * 100]
        return self.written(rows) if rows else None

    def pages_of(self, day: str, **fields: Any) -> DayStream[Page]:
        """Give the pages of a day as the client has them."""
        return open_api(self._style.api, self.url, **fields).pages(day)

    def pull(self, day: str) -> list[Any]:
        """Read a day, one page after the other; give the rows."""
        pages = self.pages_of(day, max_in_flight=1)
        return [row for page in pages for row in Page(page.body, self._style.api.rows_at).rows]


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest) -> Style:
    """Each style that an API can be declared to have."""
    return STYLES[request.param]


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", PASSWORD_OF_TESTS)


CHANGES: dict[str, Callable[[list[Any]], None]] = {
    "a row comes in at the front": lambda rows: rows.insert(0, sale(price=-1)),
    "a row goes at the front": lambda rows: rows.__delitem__(0),
    "a row comes in at the end": lambda rows: rows.append(sale(price=-1)),
    "a row goes at the end": lambda rows: rows.__delitem__(-1),
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
    with MovingApi(350, STYLES[name]) as api:

        def before(number: int) -> None:
            if number == after + 1:
                CHANGES[change](api.rows)

        api.before = before
        with suppress(FeedApiError):
            assert api.pull(day) == api.rows


# The ends of an older day do not show that.
@pytest.mark.parametrize(
    "change",
    [lambda rows: rows.__setitem__(150, sale(price=-1)), lambda rows: rows.__delitem__(150)],
    ids=["another value", "a row less"],
)
def test_what_changes_in_the_middle_of_yesterday_is_noticed(
    change: Callable[[list[Any]], None], style: Style
) -> None:
    with MovingApi(350, style) as api:

        def before(number: int) -> None:
            if number == 4:
                change(api.rows)

        api.before = before
        with pytest.raises(DayChangedError, match=r"page 2 changed|the API reports"):
            api.pull(YESTERDAY)


@BOTH_AGES
def test_a_day_says_how_it_was_proven(day: str, style: Style) -> None:
    with MovingApi(350, style) as api:
        any_page = style.shape.pages in ("number", "offset")
        proof = ENDS_AGAIN if day == DAY and any_page else READ_TWICE
        total = "; 350 rows, as reported by the API" if style.api.total else ""
        assert facts_of(api.pages_of(day))["proof"] == proof + total


def test_how_many_days_may_still_change_can_be_set() -> None:
    with MovingApi(50) as api:
        assert facts_of(api.pages_of(YESTERDAY, settled_days=0))["proof"] == ENDS_AGAIN


@BOTH_AGES
def test_an_api_that_orders_keys_anew_at_each_answer_is_read(day: str, style: Style) -> None:
    with MovingApi(350, style) as api:
        turns = [0]

        def written(rows: list[Any]) -> bytes:
            turns[0] += 1
            indent = turns[0] % 3 or None
            shuffled = [
                dict(sorted(row.items(), reverse=bool((turns[0] + n) % 2)))
                for n, row in enumerate(rows)
            ]
            return json.dumps(shuffled, indent=indent).encode()

        api.written = written
        assert api.pull(day) == api.rows


@pytest.mark.parametrize("cycle", [[1], [1, 2], [1, 2, 3]])
def test_pages_that_come_again_end_the_day_at_once(
    api: ScriptedApi, monkeypatch: pytest.MonkeyPatch, cycle: list[int]
) -> None:
    bodies = [json.dumps([sale(price=n), sale(price=-n)]).encode() for n in cycle]
    api.days[DAY] = bodies * 500
    with pytest.raises(FeedApiError, match=f"repeated page 1 as page {len(cycle) + 1}"):
        bodies_of(open_sales_api(api.url).pages(DAY))
    assert len(api.requests) < 4 * len(cycle) + 4


@BOTH_AGES
@pytest.mark.parametrize("late", [2, 3, 4])
def test_answers_that_belong_to_other_requests_are_noticed(day: str, late: int) -> None:
    with MovingApi(350) as api:
        whole = [api.page(datetime.date.fromisoformat(DAY), n) for n in range(1, 5)]

        def before(number: int) -> None:
            # From here on each request gets the answer of the one before it.
            if number == late:
                bodies = whole[late - 2 :]
                api.script.extend(Answer(body=body or b"") for body in bodies)

        api.before = before
        with pytest.raises(FeedApiError):
            api.pull(day)


def test_a_day_that_is_unknown_for_a_moment_is_not_stored_as_an_empty_one(
    api: ScriptedApi,
) -> None:
    api.days[DAY] = [json.dumps([sale()]).encode()]
    api.fail(status=404, times=1)
    with pytest.raises(DayChangedError, match="page 1 was missing but is there now"):
        bodies_of(open_sales_api(api.url).pages(DAY, allow_empty=True))


SIZES = {
    "full pages": [100, 100, 100],
    "a short page in between": [100, 99, 100, 50],
    "one page": [1],
}


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
    day: str, times: int | None, style: Style
) -> None:
    with MovingApi(350, style) as api:
        api.fail(status=404, page=3, times=times)
        with pytest.raises(DayChangedError, match=r"page 3|received .* rows"):
            api.pull(day)


@BOTH_AGES
def test_an_empty_page_in_the_middle_does_not_end_a_day(api: ScriptedApi, day: str) -> None:
    api.days[day] = sized_pages([100, 60, 0, 100])
    with pytest.raises(DayChangedError, match="page 3 is missing, but page 4 has rows"):
        bodies_of(open_sales_api(api.url).pages(day))


@BOTH_AGES
def test_the_last_page_may_not_be_missing_even_for_a_moment(api: ScriptedApi, day: str) -> None:
    api.days[day] = sized_pages([100, 100, 50])
    api.fail(status=404, page=3, times=1)
    with pytest.raises(DayChangedError, match="page 3 was missing but now has rows"):
        bodies_of(open_sales_api(api.url).pages(day))


@BOTH_AGES
def test_a_field_outside_the_contract_may_differ_in_each_response(day: str, style: Style) -> None:
    with MovingApi(350, style) as api:
        served = itertools.count()
        api.written = lambda rows: page(*({**row, "served_at": next(served)} for row in rows))
        assert len(api.pull(day)) == 350


@pytest.mark.parametrize("missing", [False, True], ids=["a page", "the end"])
def test_a_response_from_a_cache_proves_nothing(api: ScriptedApi, missing: bool) -> None:
    api.days[DAY] = sized_pages([100, 50])
    api.fail(page=3 if missing else 2, headers={"Age": "37"})
    with pytest.raises(FeedApiError, match=r"page \d: 3 attempts .* in a cache \(Age: 37\)"):
        bodies_of(open_sales_api(api.url).pages(DAY))


@pytest.mark.parametrize("age", ["0", "", "soon"])
def test_a_response_that_is_not_old_is_taken(api: ScriptedApi, age: str) -> None:
    api.days[DAY] = sized_pages([100, 50])
    api.fail(headers={"Age": age})
    assert bodies_of(open_sales_api(api.url).pages(DAY)) == api.days[DAY]


def test_a_page_that_comes_again_is_noticed_by_the_fields_of_the_contract(style: Style) -> None:
    with MovingApi(350, style) as api:
        served = itertools.count()
        api.written = lambda rows: page(*({**row, "served_at": next(served)} for row in rows))
        api.fail(serve_page=1, page=3)
        with pytest.raises(FeedApiError, match="repeated page 1 as page 3"):
            api.pull(DAY)
