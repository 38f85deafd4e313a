"""The sales API as a Dagster resource: a day goes in, the pages of that day come out.

`GET /sales?date=DATE&page=N` answers up to 100 rows a page and 404 past the last one; it tells no
total, so the end of a day is only known by meeting it. What the rows hold is not judged here
(`sales_record` does that), and where the pages are kept is not known here.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import dagster as dg
import requests
from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError

from sales_assets.feed.json_rows import InvalidPageError, values_of_page
from sales_assets.feed.read_ahead import ReadAhead
from sales_assets.feed.stream import DayStream, EveryDayFailsError, StaleDayError
from sales_assets.http.client import (
    HttpAnswer,
    HttpClient,
    TokenAuth,
    TransientHttpError,
    is_base_address,
)

TOKEN_VARIABLE = "AUTH_TOKEN"  # noqa: S105 - the name of the variable, not a token

_rows = TypeAdapter(list[dict[str, Any]])


class SalesApiError(dg.Failure):
    """The sales API did not answer with a day's sales, and asking again did not help."""


class SalesApiAuthError(SalesApiError, EveryDayFailsError):
    """There is no usable token, or the API refuses the one there is."""


class NoSuchDayError(SalesApiError):
    """The API knows nothing of the day: 404 on its first page."""


class DayChangedError(SalesApiError, StaleDayError):
    """The day was another one at the end of reading it than at the beginning."""


class _Page(NamedTuple):
    body: bytes
    rows: int


class SalesApi(dg.ConfigurableResource[Any]):
    """Client of the sales API.

    The token is read from the environment variable `AUTH_TOKEN` when a run starts, and is never a
    field: Dagster shows the fields of a resource in its UI and keeps them in its snapshots.
    """

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

    _client: HttpClient = PrivateAttr()
    _read_ahead: ReadAhead = PrivateAttr()
    _address: str = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Get ready to ask, without asking yet.

        Raises:
            SalesApiAuthError: `AUTH_TOKEN` is missing, or cannot stand in an HTTP header.
            SalesApiError: The address is none.
        """
        self._connect(self.url, _token_from_environment())

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close all connections."""
        self._read_ahead.close()
        self._client.close()

    @property
    def source(self) -> str:
        """Where the sales come from, for a person to read."""
        return self._address

    def pages(self, day: str) -> DayStream[bytes]:
        """Ask for the pages of a day, in order and not far ahead of their being taken.

        When the end is met, the last page is read once more, so that a day that changes while it
        is read does not pass for a whole one.

        Args:
            day: `YYYY-MM-DD`.

        Returns:
            The body of each page, byte for byte: a complete JSON list of objects. The one page of
            a day without sales is an empty list. The metadata says where the pages come from, how
            many requests had to be repeated and where the day ended.

        Raises:
            NoSuchDayError: The first page is a 404.
            SalesApiAuthError: The API refuses the token (401, 403).
            DayChangedError: The day changed while it was read.
            SalesApiError: A page could not be had, or the day has no end.
        """
        metadata: dict[str, Any] = {"source": self.source}
        return DayStream(lambda: self._pages(day, metadata), metadata)

    def _pages(self, day: str, metadata: dict[str, Any]) -> Iterator[bytes]:
        deadline = time.monotonic() + self.day_timeout
        retries: list[None] = []
        full = 1

        def ask(number: int) -> _Page | None:
            return self._page(day, number, deadline, lambda: retries.append(None))

        def is_full(page: _Page | None) -> bool:
            return page is not None and page.rows >= full

        last = None
        number = 0
        with closing(self._read_ahead.in_order(ask, goes_on=is_full)) as pages:
            for page in pages:
                if page is None or (page.rows == 0 and last):
                    break
                number += 1
                if last is None:
                    full = max(full, page.rows)
                elif page.body == last.body:
                    raise SalesApiError(
                        f"{day}: page {number} is page {number - 1} again; "
                        f"{self.source} does not page"
                    )
                if number > self.max_pages:
                    raise SalesApiError(f"{day}: no end after {self.max_pages} pages (max_pages)")
                yield page.body
                last = page
                if page.rows == 0:
                    break
        if last is None:
            raise NoSuchDayError(
                f"{day}: {self.source} has nothing for this day (404 on page 1). "
                "A day without sales answers an empty list"
            )

        again = self._read_ahead.call(ask, number)
        # Only after a full page can there be more, behind a page that was missing for a moment.
        places = (number + 1, number + 2) if is_full(last) else ()
        beyond = [self._read_ahead.call(ask, place) for place in places]
        if again is None or again.body != last.body or any(more and more.rows for more in beyond):
            raise DayChangedError(
                f"{day}: {self.source} changed the day while it was read ({number} pages): "
                "run this day again"
            )
        metadata["retries"] = len(retries)
        metadata["rows_of_last_page"] = last.rows
        metadata["ended"] = f"{'404' if page is None else 'an empty list'} after page {number}"

    def _connect(self, address: str, token: str) -> None:
        if not is_base_address(address):
            raise SalesApiError(
                "SALES_API_URL is not an address of the form https://host[/path] without a user "
                "name or password in it"
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
    ) -> _Page | None:
        try:
            return self._client.get(
                f"{self._address}/sales",
                {"date": day, "page": str(number)},
                _read_page,
                deadline=deadline,
                on_retry=on_retry,
            )
        except TransientHttpError as error:
            limits = f"{self.max_attempts} attempts and {self.day_timeout:g} s for the day"
            raise SalesApiError(
                f"{day}: page {number} of {self.source} could not be had within {limits}; "
                f"the last time: {error}"
            ) from error
        except requests.RequestException as error:
            raise SalesApiError(f"{day}: page {number} of {self.source}: {error}") from error


def _read_page(answer: HttpAnswer) -> _Page | None:
    """Make a page of an answer; None for the 404 that ends a day."""
    match answer.status:
        case 200:
            return _Page(answer.body, _count_rows(answer.body))
        case 404:
            return None
        case 401 | 403:
            raise SalesApiAuthError(
                f"the sales API refuses the token in {TOKEN_VARIABLE} (HTTP "
                f"{answer.status}): set {TOKEN_VARIABLE} to a valid token and run again"
            )
        case status if 300 <= status < 400:
            raise SalesApiError(
                f"the sales API redirects (HTTP {status}), and a redirect is not followed since "
                "it could take the token elsewhere: set SALES_API_URL to the final address"
            )
        case status:
            raise SalesApiError(f"the sales API answered HTTP {status} {answer.reason}")


def _count_rows(body: bytes) -> int:
    """Count the rows of a page, which may be bad ones but have to be complete.

    Raises:
        TransientHttpError: It is no complete JSON list of objects.
    """
    try:
        return len(_rows.validate_json(body))
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
        row = f" at row {first['loc'][0] + 1}" if first["loc"] else ""  # type: ignore[operator]
        error = TransientHttpError(
            f"HTTP 200, but no complete JSON list of objects: {first['msg']}{row}"
        )
        if first["type"] != "json_invalid":
            raise error from refused
        # One row of bad text makes the whole page invalid to this parser, and is no reason to ask
        # again.
        try:
            values = values_of_page(body)
        except InvalidPageError:
            raise error from refused
        if not all(isinstance(value, dict) for value in values):
            raise error from refused
        return len(values)


def _token_from_environment() -> str:
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise SalesApiAuthError(
            f"{TOKEN_VARIABLE} is not set: put the token of the sales API into it "
            f"(`export {TOKEN_VARIABLE}=...`, or a line in .env), or set SALES_API_URL=sample to "
            "use the embedded sample API, which needs none"
        )
    # requests would name a token with a line break in the text of its error.
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise SalesApiAuthError(
            f"{TOKEN_VARIABLE} holds a character that no token has (white space, a line break, "
            "a control or a non-ASCII character): set it again, without that"
        )
    return token
