"""The API of a daily feed as a Dagster resource: a day goes in, its pages come out.

`GET PATH?date=DATE&page=N` answers a JSON list of rows, and 404 past the last page. A feed says
what is particular to its API in a few lines: the path, and the variables that hold address and
token. What the rows hold is not judged here, and where the pages are kept is not known here.
"""

import datetime
import os
import re
import time
from collections.abc import Callable, Generator
from typing import Any, ClassVar

import dagster as dg
import requests
from pydantic import Field, PrivateAttr

from sales_assets.feed.json_rows import InvalidPageError
from sales_assets.feed.page import Page
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, NumberedPages, Paging
from sales_assets.feed.proof import DayChangedError, proven
from sales_assets.feed.read_ahead import ReadAhead
from sales_assets.feed.stream import DayStream, EveryDayFailsError, Facts, Reading
from sales_assets.http.client import (
    HttpAnswer,
    HttpClient,
    TokenAuth,
    TransientHttpError,
    is_base_address,
)


class RefusedTokenError(FeedApiError, EveryDayFailsError):
    """There is no usable token, or the API refuses the one there is."""


class DailyApi(dg.ConfigurableResource[Any]):
    """Client of the API of a daily feed.

    The token is read from its environment variable when a run starts, and is never a field: Dagster
    shows the fields of a resource in its UI and keeps them in its snapshots.
    """

    path: ClassVar[str]
    """What is asked for below the address, which is also what the rows are called."""
    token_variable: ClassVar[str]
    address_variable: ClassVar[str]

    url: str = Field(description="Base address, such as https://sales.example.com.")
    connect_timeout: float = Field(default=5, gt=0, description="Seconds to open a connection.")
    read_timeout: float = Field(default=30, gt=0, description="Seconds without a byte received.")
    request_timeout: float = Field(default=120, gt=0, description="Seconds for a whole answer.")
    day_timeout: float = Field(default=6 * 3600, gt=0, description="Seconds for a whole day.")
    max_attempts: int = Field(default=6, ge=1, description="How often a page is asked for.")
    backoff: float = Field(
        default=0.5, ge=0, description="Seconds of the first pause before asking again; doubles."
    )
    retry_after_cap: float = Field(
        default=120, ge=0, description="Longest Retry-After, in seconds, that is honoured."
    )
    max_in_flight: int = Field(
        default=8, ge=1, description="Requests at a time, over all days of a run; be polite."
    )
    max_per_second: float | None = Field(
        default=None, gt=0, description="Requests a second, over all days of a run."
    )
    max_pages: int = Field(
        default=1_000_000, ge=1, description="Pages after which a day is taken to have no end."
    )
    settled_days: float = Field(
        default=3,
        ge=0,
        description="A day that ended less than so many days ago is read twice as a whole.",
    )

    _client: HttpClient = PrivateAttr()
    _read_ahead: ReadAhead = PrivateAttr()
    _address: str = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Get ready to ask, without asking yet.

        Raises:
            RefusedTokenError: The token is missing, or cannot stand in an HTTP header.
            FeedApiError: The address cannot be used.
        """
        self._connect(self.url, self._token_from_environment())

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close all connections."""
        self._read_ahead.close()
        self._client.close()

    @property
    def source(self) -> str:
        """Where the rows come from, for a person to read."""
        return self._address

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
            NoSuchDayError: The first page is a 404.
            RefusedTokenError: The API refuses the token (401, 403).
            DayChangedError: The day changed while it was read.
            FeedApiError: A page did not come, or the day has no end.
        """

        def read() -> Generator[Page, None, Facts]:
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
            return Facts({"source": self.source, "retries": len(retries), **found})

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

    def _connect(self, address: str, token: str) -> None:
        if not is_base_address(address):
            raise FeedApiError(
                f"{self.address_variable} is not an address of the form https://host[/path] "
                "without a user name or password in it"
            )
        self._address = address.rstrip("/")
        self._client = HttpClient(
            TokenAuth(token),
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            request_timeout=self.request_timeout,
            max_attempts=self.max_attempts,
            backoff=self.backoff,
            retry_after_cap=self.retry_after_cap,
            max_per_second=self.max_per_second,
        )
        self._read_ahead = ReadAhead(self.max_in_flight)

    def _page(
        self, day: str, number: int, deadline: float, on_retry: Callable[[], object]
    ) -> Page | None:
        try:
            return self._client.get(
                f"{self._address}/{self.path}",
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
            ) from error
        except requests.RequestException as error:
            raise FeedApiError(f"{day}: page {number} of {self.source}: {error}") from error

    def _read_answer(self, answer: HttpAnswer) -> Page | None:
        """Make a page of an answer; None for the 404 that ends a day."""
        match answer.status:
            case 200:
                page = Page(answer.body)
                try:
                    page.require_objects()
                except InvalidPageError as error:
                    raise TransientHttpError(
                        f"HTTP 200, but not a complete JSON list of objects: {error}"
                    ) from error
                return page
            case 404:
                return None
            case 401 | 403:
                raise RefusedTokenError(
                    f"{self.source} refuses the token in {self.token_variable} (HTTP "
                    f"{answer.status}): set {self.token_variable} to a valid token and run again"
                )
            case status if 300 <= status < 400:
                raise FeedApiError(
                    f"{self.source} redirects (HTTP {status}), and a redirect is not followed "
                    "since it could take the token elsewhere: set "
                    f"{self.address_variable} to the final address"
                )
            case status:
                raise FeedApiError(f"{self.source} answered HTTP {status} {answer.reason}")

    def _token_from_environment(self) -> str:
        name = self.token_variable
        token = os.environ.get(name)
        if not token:
            raise RefusedTokenError(
                f"{name} is not set: put the token of the {self.path} API into it "
                f"(`export {name}=...`, or a line in .env), or set {self.address_variable}=sample "
                "to use the embedded sample API, which needs none"
            )
        # requests would name a token with a line break in the text of its error.
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise RefusedTokenError(
                f"{name} holds a character that no token has (white space, a line break, "
                "a control or a non-ASCII character): set it again, without that"
            )
        return token


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
    return {"ended": "404 on page 1, taken for a day without rows", "rows_of_last_page": 0}
