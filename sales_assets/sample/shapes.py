"""The shapes in which the sample API can serve its pages: those that `feed.styles` can declare.

A shape reads the requested page from a query, and builds the response with the rows and the link to
the next page. The rows themselves, and faults, do not belong here.
"""

import base64
import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Place(NamedTuple):
    """A page of a day, by its number from 1; `address` has no query, `total` is that of the day."""

    address: str
    day: datetime.date
    number: int
    is_last: bool
    total: int


@dataclass(frozen=True)
class Shape:
    """The shape of an API; by default, that of the sales API.

    A place is a path in the body, as in `meta.next`, or a header, as in `header X-Next`.

    Attributes:
        day: The parameter for the day or its start.
        pages: How a page is requested: by number, by offset and limit, by the cursor or address
            from the previous page, or not at all.
        parameter: The parameter for the number, offset or cursor.
        first: The number of the first page.
        rows_at: The path of the rows.
        next_at: The place of the cursor or the address of the next page.
        more_at: The place of the flag that more pages follow.
        total_at: The place of the total.
        empty_at_the_end: Whether a page past the end is empty instead of a 404.
        signed: How a request carries the token.
    """

    day: str = "date"
    pages: Literal["number", "offset", "cursor", "address", "one"] = "number"
    parameter: str = "page"
    first: int = 1
    rows_at: str = ""
    next_at: str = ""
    more_at: str = ""
    total_at: str = ""
    empty_at_the_end: bool = False
    signed: Literal["bare", "bearer", "header", "parameter", "basic"] = "bare"

    def asked(self, query: Mapping[str, str]) -> tuple[datetime.date, int]:
        """Return the day and page that a query requests, or raise KeyError or ValueError."""
        day = datetime.date.fromisoformat(query[self.day][:10])
        if self.pages == "one":
            return day, 1
        if self.pages == "number":
            return day, int(query.get(self.parameter, self.first)) - self.first + 1
        if self.pages == "offset":
            # Rounded up: past the last row is past the last page.
            return day, -(-int(query[self.parameter]) // int(query["limit"])) + 1
        return day, int(query.get(self.parameter, "c1").removeprefix("c"))

    def token_of(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """Return the token of a request."""
        sent = headers.get("Authorization", "")
        match self.signed:
            case "bearer":
                return sent.removeprefix("Bearer ")
            case "basic":
                return base64.b64decode(sent.removeprefix("Basic ")).decode()
            case "header":
                return headers.get("X-Api-Key", "")
            case "parameter":
                return query.get("api_key", "")
        return sent

    def served(self, rows: bytes, place: Place) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers of a page with these rows."""
        headers: dict[str, str] = {}
        around: dict[str, Any] = {}
        cursor = None if place.is_last else f"c{place.number + 1}"
        if self.pages == "address" and cursor:
            query = f"{self.day}={place.day}&{self.parameter}={cursor}"
            cursor = f"{place.address}?{query}"
        for at, value in (
            (self.next_at, cursor),
            (self.more_at, not place.is_last),
            (self.total_at, place.total),
        ):
            if at == "header Link":
                headers["Link"] = f'<{cursor}>; rel="next"' if cursor else '<x>; rel="first"'
            elif at.startswith("header "):
                if value is not None:
                    headers[at.removeprefix("header ")] = json.dumps(value).strip('"')
            elif at:
                _put(around, at, value)
        if not self.rows_at:
            return rows, headers
        _put(around, self.rows_at, "ROWS")
        # Keep the rows byte for byte.
        return json.dumps(around).encode().replace(b'"ROWS"', rows), headers


def _put(around: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for key in outer:
        around = around.setdefault(key, {})
    around[last] = value
