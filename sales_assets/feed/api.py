"""The API of a daily feed as a Dagster resource: a day goes in, its pages come out.

A feed describes its API in class attributes, with the classes of `styles`.
"""

import datetime
import functools
import json
import time
from collections.abc import Generator, Mapping
from typing import Any, ClassVar

from pydantic import Field
from pydantic_core import from_json

from sales_assets.feed.json_rows import InvalidPageError, WrongShapeError
from sales_assets.feed.page import Page, PulledPage, Request
from sales_assets.feed.paging import FeedApiError, NoSuchDayError, Paging
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import DayStream, EveryDayFailsError, StreamResult
from sales_assets.feed.styles import (
    DayParameter,
    DayRange,
    NumberedPages,
    PageStyle,
    Where,
    total_of,
)
from sales_assets.http.client import HttpAnswer, Question
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.resource import HttpApi
from sales_assets.http.tokens import ParameterToken, TokenAuth


class NotSetUpError(FeedApiError, EveryDayFailsError):
    """The address or the token of the API is missing or malformed; the text names the setting."""


class RefusedTokenError(FeedApiError, EveryDayFailsError):
    """The API rejects the token."""


_TYPES = {
    "title": str,
    "address_variable": str,
    "path": str,
    "row": RowSchema,
    "day": DayParameter | DayRange,
    "paging": PageStyle,
    "rows_at": str,
    "total": Where | None,
    "parameters": Mapping,
}


class DailyApi(HttpApi):
    """Client for the API of a daily feed.

    Attributes:
        path: The path below the address.
        row: The row schema; two readings of a day are compared by its fields.
        rows_at: The keys that lead to the list of rows in a page, as in `data.items`; empty if the
            page is the list.
        total: Where each page has the row count of the day; None if the API does not report it.
        parameters: Additional query parameters of each request.
    """

    path: ClassVar[str]
    row: ClassVar[RowSchema]
    day: ClassVar[DayParameter | DayRange] = DayParameter()
    paging: ClassVar[PageStyle] = NumberedPages()
    rows_at: ClassVar[str] = ""
    total: ClassVar[Where | None] = None
    parameters: ClassVar[Mapping[str, str]] = {}
    error = NotSetUpError
    auth_error = RefusedTokenError

    day_timeout: float = Field(
        default=6 * 3600, gt=0, description="Seconds to fetch a day, including repeated reads."
    )
    max_pages: int = Field(
        default=1_000_000, ge=1, description="Maximum number of pages; a day with more fails."
    )
    settled_days: float = Field(
        default=3, ge=0, description="A day that ended less than this many days ago is read twice."
    )

    def pages(self, day: str, *, allow_empty: bool = False) -> DayStream[Page]:
        """Return the pages of a day, byte for byte, and as metadata their proof.

        If `allow_empty`, a day unknown to the API is one page with an empty list.

        Raises:
            NotSetUpError: The address or the token of the API is missing or malformed.
            FeedApiError: The day could not be fetched or proven complete.
        """
        retries: list[int] = []

        @functools.cache
        def paging() -> Paging:
            # Shared by all readings of the day, as they have one deadline.
            return self._paging(day, retries)

        def read() -> Generator[Page, None, StreamResult]:
            begin = datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00")
            age = datetime.datetime.now(datetime.timezone.utc) - begin
            settled = age >= datetime.timedelta(days=1 + self.settled_days)
            is_unknown = False
            try:
                found = yield from paging().proven(settled=settled)
            except NoSuchDayError:
                if not allow_empty:
                    raise
                paging().require_unknown()
                empty: Any = []
                for key in reversed(self.rows_at.split(".") if self.rows_at else []):
                    empty = {key: empty}
                yield Page(json.dumps(empty).encode(), self.rows_at)
                found = {"ended": "404 on page 1, treated as a day without rows"}
                is_unknown = True
            known = {"source": self.source, "retries": len(retries), **found}
            return StreamResult(known, keeps_rows=is_unknown)

        return DayStream(read)

    def _paging(self, day: str, retries: list[int]) -> Paging:
        deadline = time.monotonic() + self.day_timeout
        parameters = {**self.day.parameters(datetime.date.fromisoformat(day)), **self.parameters}

        def fetch(number: int, request: Request) -> Question[PulledPage | None]:
            return Question(
                self._client,
                request.address or f"/{self.path}",
                {} if request.address else {**parameters, **request.parameters},
                functools.partial(self._read_answer, number),
                deadline=deadline,
                on_retry=lambda: retries.append(number),
                failure=functools.partial(self._failure, day, number),
            )

        return Paging(f"{day}: {self.source}/{self.path}", self.paging, fetch, self.max_pages)

    def _connect(self, address: str, auth: TokenAuth | None) -> None:
        if address.endswith(f"/{self.path}"):
            raise NotSetUpError(
                f"{self.address_variable} ends in /{self.path}, which is always added: set it to "
                f"{address.removesuffix(f'/{self.path}')}"
            )
        super()._connect(address, auth)

    def _failure(self, day: str, number: int, error: HttpError) -> FeedApiError:
        limit, attempts = "", ""
        if isinstance(error, TransientHttpError):
            if error.attempts < self.max_attempts:  # Only the deadline ends them sooner.
                limit = f" in {self.day_timeout:g} s (day_timeout)"
            attempts = (
                f"{error.attempts} attempt{'s' if error.attempts > 1 else ''} failed; last error: "
            )
        return FeedApiError(f"{day}: could not fetch page {number}{limit}: {attempts}{error}")

    def _read_answer(self, number: int, answer: HttpAnswer) -> PulledPage | None:
        """Parse a response into a page; None for the 404 that ends a day."""
        if answer.status not in (200, 404):
            raise self.refusal(answer)
        if answer.cached:
            raise answer.transient_error(
                f"the response has been in a cache ({answer.cached}), so it proves nothing about "
                "the current data"
            )
        if answer.status == 404:
            try:
                from_json(answer.body if number == 1 and answer.body else b"null")
            except ValueError:
                raise answer.error(
                    f"HTTP 404, but not from the {self.title}, whose errors are JSON: check "
                    f"{self.address_variable}"
                ) from None
            return None
        try:
            page = PulledPage(answer.body, [*self.row.keys.values()], self.rows_at)
            page.following = self.paging.following(answer, page)
            page.total = None if self.total is None else total_of(self.total, answer, page)
        except WrongShapeError as error:
            raise answer.error(f"HTTP 200, but {error}") from None
        except InvalidPageError as error:
            raise answer.transient_error(f"HTTP 200, but not complete JSON: {error}") from None
        return page

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Reject an invalid declaration when the feed's module is imported."""
        super().__pydantic_init_subclass__(**options)
        for name, kind in _TYPES.items():
            value = getattr(cls, name, None)
            if not isinstance(value, kind):
                expected = getattr(kind, "__name__", kind)
                raise TypeError(f"{cls.__name__}.{name} is {value!r}, not {expected}")
        if cls.rows_at and not all(cls.rows_at.split(".")):
            raise TypeError(f"{cls.__name__}.rows_at is {cls.rows_at!r}: a key is empty")
        # Except for formats, the strings of these are names of parameters.
        fields = [*vars(cls.day).items(), *vars(cls.paging).items()]
        if isinstance(cls.token_style, ParameterToken):
            fields += vars(cls.token_style).items()
        names = [value for key, value in fields if isinstance(value, str) and "format" not in key]
        names += cls.parameters
        if not all(names) or len({*names}) < len(names):
            raise TypeError(f"{cls.__name__}: parameters need different names: {names}")
