"""The sales API as a Dagster resource: a day goes in, the pages of that day come out.

`GET /sales?date=DATE&page=N` answers up to 100 rows a page and 404 past the last one; it tells no
total, so the end of a day is only known by meeting it. What the rows hold is not judged here
(`sales_record` does that), and where the pages are kept is not known here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError

from sales_assets.feed.json_rows import InvalidPageError, values_of_page
from sales_assets.feed.read_ahead import ReadAhead
from sales_assets.feed.stream import DayStream, EveryDayFailsError, StaleDayError
from sales_assets.http.client import HttpAnswer
from sales_assets.http.errors import ApiAuthError, ApiError, HttpError, TransientHttpError
from sales_assets.http.resource import HttpApi
from sales_assets.http.tokens import TokenAuth

_rows = TypeAdapter(list[dict[str, Any]])


class SalesApiError(ApiError):
    """The sales API did not answer with a day's sales, and asking again did not help."""


class SalesApiAuthError(SalesApiError, ApiAuthError, EveryDayFailsError):
    """There is no usable token, or the API refuses the one there is."""


class NoSuchDayError(SalesApiError):
    """The API knows nothing of the day: 404 on its first page."""


class DayChangedError(SalesApiError, StaleDayError):
    """The day was another one at the end of reading it than at the beginning."""


class _Page(NamedTuple):
    body: bytes
    rows: int


class SalesApi(HttpApi):
    """Client of the sales API."""

    title = "sales API"
    address_variable = "SALES_API_URL"
    token_variable = "AUTH_TOKEN"  # noqa: S105 - the name of the variable, not a token
    has_sample = True
    error = SalesApiError
    auth_error = SalesApiAuthError

    day_timeout: float = Field(default=6 * 3600, gt=0, description="Seconds for a whole day.")
    max_pages: int = Field(
        default=1_000_000, ge=1, description="Pages after which a day is taken to have no end."
    )

    _read_ahead: ReadAhead = PrivateAttr()

    def close(self) -> None:
        """Close all connections; what is still being asked for fails at once."""
        self._read_ahead.close()
        super().close()

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

    def _connect(self, address: str, auth: TokenAuth | None) -> None:
        super()._connect(address, auth)
        self._read_ahead = ReadAhead(self.max_in_flight)

    def _page(
        self, day: str, number: int, deadline: float, on_retry: Callable[[], object]
    ) -> _Page | None:
        try:
            return self._client.get(
                "/sales",
                {"date": day, "page": str(number)},
                self._read_page,
                deadline=deadline,
                on_retry=on_retry,
            )
        except TransientHttpError as error:
            limits = f"{self.max_attempts} attempts and {self.day_timeout:g} s for the day"
            raise SalesApiError(
                f"{day}: page {number} of {self.source} could not be had within {limits}; "
                f"the last time: {error}"
            ) from error
        except HttpError as error:
            raise SalesApiError(f"{day}: page {number} of {self.source}: {error}") from error

    def _read_page(self, answer: HttpAnswer) -> _Page | None:
        """Make a page of an answer; None for the 404 that ends a day."""
        match answer.status:
            case 200:
                return _Page(answer.body, _count_rows(answer))
            case 404:
                return None
            case _:
                raise self.refusal(answer)


def _count_rows(answer: HttpAnswer) -> int:
    """Count the rows of a page, which may be bad ones but have to be complete.

    Raises:
        TransientHttpError: It is no complete JSON list of objects.
    """
    try:
        return len(_rows.validate_json(answer.body))
    except ValidationError as refused:
        first = refused.errors(include_url=False)[0]
        row = f" at row {first['loc'][0] + 1}" if first["loc"] else ""  # type: ignore[operator]
        error = answer.transient_error(
            f"HTTP 200, but no complete JSON list of objects: {first['msg']}{row}"
        )
        if first["type"] != "json_invalid":
            raise error from None
        # One row of bad text makes the whole page invalid to this parser, and is no reason to ask
        # again.
        try:
            values = values_of_page(answer.body)
        except InvalidPageError:
            raise error from None
        if not all(isinstance(value, dict) for value in values):
            raise error from None
        return len(values)
