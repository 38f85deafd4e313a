"""A sales API on a real socket that answers as a test says, in any shape, and the client of it."""

import base64
import datetime
import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from sales_assets.feed.api import DailyApi
from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import Answer, SampleApi
from sales_assets.sample.faults import Fault, Faults

Api = TypeVar("Api", bound=DailyApi)


@dataclass(frozen=True)
class Shape:
    """How pages are requested and served; by default, as by the sales API.

    Words in the body stand for values: ROWS, NEXT (the cursor or address of the next page), MORE
    (whether there is one), TOTAL (the rows of the day). In headers, NEXT and TOTAL do; one with
    NEXT is missing on the last page.
    """

    day: str = "date"
    pages: Literal["number", "offset", "cursor", "address", "one"] = "number"
    parameter: str = "page"
    first: int = 1
    body: str = "ROWS"
    headers: Mapping[str, str] = field(default_factory=dict)
    empty_at_the_end: bool = False
    signed: Literal["bare", "bearer", "header", "parameter", "basic"] = "bare"


SALES = Shape()


class ScriptedApi(SampleApi):
    """The sample API with chosen pages, in a shape that `feed.styles` can declare, and a memory.

    It answers the next requests from `script`, whatever they ask for, as long as it has answers.
    """

    def __init__(self, shape: Shape = SALES, token: str | None = None, port: int = 0) -> None:
        super().__init__(page=self._page, port=port)
        self.token = token or self.token
        self.shape = shape
        self.days: dict[str, list[bytes]] = {}
        self.script: deque[Answer] = deque()
        self.requests: list[str] = []
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Remember the request, and answer it."""
        with self._lock:
            self.requests.append(path)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        # What has a query asks for sales, below any path.
        _, asks, query = path.partition("?")
        place = f"/sales?{query}" if asks else path
        answer = self.script.popleft() if self.script else super().answer(place, headers)
        with self._lock:
            self._under_way -= 1
        return answer

    def fail(self, **fault: Any) -> None:
        """Let one thing go wrong, in the words of a file of faults."""
        self.faults = Faults([Fault.model_validate(fault)])

    def _page(self, day: datetime.date, number: int) -> bytes | None:
        pages = self.days.get(day.isoformat(), [])
        return pages[number - 1] if 0 < number <= len(pages) else None

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
        if is_past or shape == SALES:
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


def open_api(kind: type[Api], url: str, **fields: Any) -> Api:
    """Set a client up as a run does; it hardly waits between attempts."""
    client = kind(url=url, **{"backoff": 0.001, "max_attempts": 3, **fields})
    client.connect()
    return client


def open_sales_api(url: str, **fields: Any) -> SalesApi:
    return open_api(SalesApi, url, **fields)
