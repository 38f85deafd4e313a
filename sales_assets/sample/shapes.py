"""The shapes in which the sample API can serve its pages: those that `feed.styles` can declare.

A shape reads the requested page from a query, and builds the response around its rows. The rows
themselves, and faults, do not belong here.
"""

import base64
import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Shape:
    """The shape of an API; by default, that of the sales API.

    Attributes:
        day: The parameter for the day or its start.
        pages: How a page is requested: by number, by offset and limit, by the cursor or address
            from the previous page, or not at all.
        parameter: The parameter for the number, offset or cursor.
        first: The number of the first page.
        body: The body, with the words ROWS, NEXT (the cursor or address of the next page), MORE
            (whether there is one) and TOTAL (the rows of the day) where their values go.
        headers: Headers, with NEXT or TOTAL; one with NEXT is missing on the last page.
        empty_at_the_end: Whether a page past the end is empty instead of a 404.
        signed: How a request carries the token.
    """

    day: str = "date"
    pages: Literal["number", "offset", "cursor", "address", "one"] = "number"
    parameter: str = "page"
    first: int = 1
    body: str = "ROWS"
    headers: Mapping[str, str] = field(default_factory=dict)
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

    def is_signed(self, token: str, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Return whether a request carries the token."""
        name, value = {
            "bare": ("Authorization", token),
            "bearer": ("Authorization", f"Bearer {token}"),
            "basic": ("Authorization", f"Basic {base64.b64encode(token.encode()).decode()}"),
            "header": ("X-Api-Key", token),
            "parameter": ("api_key", token),
        }[self.signed]
        return {**headers, **query}.get(name) == value

    def served(
        self, rows: bytes, number: int, pages: Sequence[bytes], address: str
    ) -> tuple[bytes, dict[str, str]]:
        """Return the body and headers of a page.

        Args:
            rows: The rows of the page.
            number: Its number, from 1.
            pages: The rows of all pages of the day.
            address: The address of the day.
        """
        of_all = [row for page in pages for row in json.loads(page)]
        if self.pages == "one":
            rows = json.dumps(of_all).encode()
        following = f"c{number + 1}" if number < len(pages) else None
        if following and self.pages == "address":
            following = f"{address}&{self.parameter}={following}"
        body = self.body.replace("NEXT", json.dumps(following))
        body = body.replace("MORE", json.dumps(bool(following))).replace("TOTAL", str(len(of_all)))
        headers = {
            name: value.replace("NEXT", following or "").replace("TOTAL", str(len(of_all)))
            for name, value in self.headers.items()
            if following or "NEXT" not in value
        }
        # Keep the rows byte for byte.
        return body.encode().replace(b"ROWS", rows), headers
