"""A sales API on a real socket that answers as a test says, and the client of it."""

import datetime
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeVar

from sales_assets.feed.api import DailyApi
from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import Answer
from sales_assets.sample.faults import Fault, Faults
from sales_assets_tests.helpers.shapes import Shape, ShapedApi

Api = TypeVar("Api", bound=DailyApi)


class ScriptedApi(ShapedApi):
    """The sample API with chosen pages, and a memory.

    Attributes:
        days: Pages by day; a day that is not there has none.
        script: Answers for the next requests, whatever they ask for.
        requests: The paths asked for so far.
        most_at_once: How many requests were under way at the same time, at most.
    """

    def __init__(self, shape: Shape | None = None, token: str | None = None) -> None:
        super().__init__(page=self._page, shape=shape or Shape())
        self.token = token or self.token
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
        answer = self.script.popleft() if self.script else super().answer(path, headers)
        with self._lock:
            self._under_way -= 1
        return answer

    def fail(self, **fault: Any) -> None:
        """Let one thing go wrong, in the words of a file of faults."""
        self.faults = Faults([Fault.model_validate(fault)])

    def _page(self, day: datetime.date, number: int) -> bytes | None:
        pages = self.days.get(day.isoformat(), [])
        return pages[number - 1] if 0 < number <= len(pages) else None


def open_api(kind: type[Api], url: str, **fields: Any) -> Api:
    """Set a client up as a run does; it hardly waits between attempts."""
    client = kind(url=url, **{"backoff": 0.001, "max_attempts": 3, **fields})
    client.connect()
    return client


def open_sales_api(url: str, **fields: Any) -> SalesApi:
    """Set the client of the sales API up."""
    return open_api(SalesApi, url, **fields)
