"""The sample API in other shapes: those that `feed.styles` can declare."""

import base64
import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sales_assets.sample.api import Answer, SampleApi


@dataclass(frozen=True)
class Shape:
    """How pages are requested and served; by default, as by the sales API.

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


@dataclass(eq=False, repr=False)
class ShapedApi(SampleApi):
    """The sample API in a shape, below any path."""

    shape: Shape = field(default_factory=Shape)

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer what has a query as the sales."""
        _, asks, query = path.partition("?")
        return super().answer(f"/sales?{query}" if asks else path, headers)

    def _is_signed(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        token = self.token
        name, value = {
            "bare": ("Authorization", token),
            "bearer": ("Authorization", f"Bearer {token}"),
            "basic": ("Authorization", f"Basic {base64.b64encode(token.encode()).decode()}"),
            "header": ("X-Api-Key", token),
            "parameter": ("api_key", token),
        }[self.shape.signed]
        return {**headers, **query}.get(name) == value

    def _requested(self, query: Mapping[str, str]) -> tuple[datetime.date, int]:
        shape = self.shape
        day = datetime.date.fromisoformat(query[shape.day][:10])
        if shape.pages == "one":
            return day, 1
        if shape.pages == "number":
            return day, int(query.get(shape.parameter, shape.first)) - shape.first + 1
        if shape.pages == "offset":
            # Rounded up: past the last row is past the last page.
            return day, -(-int(query[shape.parameter]) // int(query["limit"])) + 1
        return day, int(query.get(shape.parameter, "c1").removeprefix("c"))

    def _sound(self, day: datetime.date, number: int) -> Answer:
        shape = self.shape
        rows = self.page(day, number)
        is_past = rows is None and not (shape.empty_at_the_end and number > 1)
        if is_past or shape == Shape():
            return super()._sound(day, number)
        pages: list[bytes] = []
        while page := self.page(day, len(pages) + 1):
            pages.append(page)
        of_all = [row for page in pages for row in json.loads(page)]
        if shape.pages == "one":
            rows = json.dumps(of_all).encode()
        following = f"c{number + 1}" if number < len(pages) else None
        if following and shape.pages == "address":
            following = f"{self.url}/sales?{shape.day}={day}&{shape.parameter}={following}"
        body = shape.body.replace("NEXT", json.dumps(following))
        body = body.replace("MORE", json.dumps(bool(following))).replace("TOTAL", str(len(of_all)))
        headers = {
            name: value.replace("NEXT", following or "").replace("TOTAL", str(len(of_all)))
            for name, value in shape.headers.items()
            if following or "NEXT" not in value
        }
        # Keep the rows byte for byte.
        body_with_rows = body.encode().replace(b"ROWS", rows or b"[]")
        return Answer(body=body_with_rows, headers={**Answer().headers, **headers})
