"""The API of a daily feed as a Dagster resource: a day goes in, its pages come out.

`GET PATH?date=DATE&page=N` answers a JSON list of rows, and 404 past the last page. A feed says
what is particular to its API in a few lines: the path, and the variables that hold address and
token. What the rows hold is not judged here, and where the pages are kept is not known here.
"""

import datetime
import time
from collections.abc import Callable, Generator
from typing import ClassVar

from pydantic import Field, PrivateAttr

from sales_assets.feed.json_rows import InvalidPageError
from sales_assets.feed.page import Page
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, NumberedPages, Paging
from sales_assets.feed.proof import DayChangedError, proven
from sales_assets.feed.read_ahead import ReadAhead
from sales_assets.feed.stream import DayStream, EveryDayFailsError, Facts, Reading
from sales_assets.http.client import HttpAnswer
from sales_assets.http.errors import ApiAuthError, HttpError, TransientHttpError
from sales_assets.http.resource import HttpApi
from sales_assets.http.tokens import TokenAuth


class NotSetUpError(FeedApiError, EveryDayFailsError):
    """The address or the token of the API is missing or malformed; the text names the setting."""


class RefusedTokenError(FeedApiError, ApiAuthError, EveryDayFailsError):
    """The API refuses the token."""


class DailyApi(HttpApi):
    """Client of the API of a daily feed.

    Attributes:
        path: What is asked for below the address, which is also what the rows are called.
    """

    path: ClassVar[str]
    error = NotSetUpError
    auth_error = RefusedTokenError

    day_timeout: float = Field(default=6 * 3600, gt=0, description="Seconds for a whole day.")
    max_pages: int = Field(
        default=1_000_000, ge=1, description="Pages after which a day is taken to have no end."
    )
    settled_days: float = Field(
        default=3,
        ge=0,
        description="A day that ended less than so many days ago is read twice as a whole.",
    )

    _read_ahead: ReadAhead = PrivateAttr()

    def close(self) -> None:
        """Close all connections; what is still being asked for fails at once."""
        self._read_ahead.close()
        super().close()

    def pages(self, day: str, *, allow_empty: bool = False) -> DayStream[Page]:
        """Ask for the pages of a day, in order and not far ahead of their being taken.

        Args:
            day: `YYYY-MM-DD`.
            allow_empty: Take a day of which the API knows nothing for a day without rows.

        Returns:
            The pages, each a complete JSON list of objects, byte for byte. The one page of a day
            without rows is an empty list. The metadata says where the pages come from, how many
            requests had to be repeated, where the day ended and which proof there is.

        Raises:
            NotSetUpError: The address or the token of the API is missing or malformed.
            NoSuchDayError: The first page is a 404.
            RefusedTokenError: The API refuses the token (401, 403).
            DayChangedError: The day changed while it was read.
            FeedApiError: A page did not come, or the day has no end.
        """

        def read() -> Generator[Page, None, Facts]:
            self.require_ready()
            retries: list[None] = []
            paging = self._paging(day, lambda: retries.append(None))
            reading = Reading(proven(paging, settled=self._is_settled(day)))
            try:
                yield from reading
                found = reading.result
            except NoSuchDayError:
                if not allow_empty:
                    raise
                found = yield from _unknown(paging)
            known = {"source": self.source, "retries": len(retries), **found}
            return Facts({**known, **self.pace})

        return DayStream(read)

    def _paging(self, day: str, on_retry: Callable[[], object]) -> Paging:
        """Read a day page by page; an API that pages in another way overrides this."""
        deadline = time.monotonic() + self.day_timeout

        def ask(number: int) -> Page | None:
            return self._page(day, number, deadline, on_retry)

        what = f"{day}: {self.source}"
        return NumberedPages(what, ask, self._read_ahead, self.max_pages)

    def _is_settled(self, day: str) -> bool:
        end = datetime.datetime.fromisoformat(day) + datetime.timedelta(days=1)
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
        return now - end >= datetime.timedelta(days=self.settled_days)

    def _connect(self, address: str, auth: TokenAuth | None) -> None:
        super()._connect(address, auth)
        self._read_ahead = ReadAhead(self.max_in_flight)

    def _page(
        self, day: str, number: int, deadline: float, on_retry: Callable[[], object]
    ) -> Page | None:
        try:
            return self._client.get(
                f"/{self.path}",
                {"date": day, "page": str(number)},
                self._read_answer,
                deadline=deadline,
                on_retry=on_retry,
            )
        except TransientHttpError as error:
            limits = f"{self.max_attempts} attempts and {self.day_timeout:g} s for the day"
            raise FeedApiError(
                f"{day}: page {number} of {self.source} did not come within {limits}; "
                f"the last time: {error}"
            ) from None
        except HttpError as error:
            raise FeedApiError(f"{day}: page {number} of {self.source}: {error}") from None

    def _read_answer(self, answer: HttpAnswer) -> Page | None:
        """Make a page of an answer; None for the 404 that ends a day."""
        match answer.status:
            case 200:
                page = Page(answer.body)
                try:
                    page.require_objects()
                except InvalidPageError as error:
                    raise answer.transient_error(
                        f"HTTP 200, but not a complete JSON list of objects: {error}"
                    ) from None
                return page
            case 404:
                return None
            case _:
                raise self.refusal(answer)


def _unknown(paging: Paging) -> Generator[Page, None, dict[str, object]]:
    """Make an empty day of one that the API does not know, if it still does not know it."""
    try:
        for _ in paging.read():
            raise DayChangedError(
                f"{paging.what} had nothing for this day at first, and something when it was asked "
                "again; run this day again"
            )
    except NoSuchDayError:
        yield Page(b"[]")
    return {"ended": "404 on page 1, taken for a day without rows"}
