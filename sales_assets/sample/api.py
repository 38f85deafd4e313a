"""The embedded sample API: a real HTTP server on loopback that behaves like the real ones."""

import datetime
import gzip
import itertools
import json
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.invented import sample_page, sample_ride
from sales_assets.sample.server import Answer, Server, Serving

__all__ = ["Answer", "SampleApi", "Serving"]

_log = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class SampleApi(Serving):
    """The server.

    Attributes:
        token: The token that requests for sales must send.
        page: Returns a page of a day, or None past the last one.
        port: The port to listen on; 0 for any free one.
        faults: The faults of the sales.
        ride: Returns a ride by its number, from 1; each request gets the next, without a token.
        host: The address to listen on.
    """

    token: str = field(default_factory=secrets.token_urlsafe)
    page: Callable[[datetime.date, int], bytes | None] = sample_page
    port: int = 0
    faults: Faults = field(default_factory=Faults)
    ride: Callable[[int], bytes] = sample_ride
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self._ride_numbers = itertools.count(1)
        self._server = Server((self.host, self.port), self.answer)

    @property
    def url(self) -> str:
        """The base address."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Respond to a GET request for a path with query."""
        address = urlsplit(path)
        if address.path == "/ride":
            return Answer(body=self.ride(next(self._ride_numbers)))
        if address.path != "/sales":
            return _error(404, f"there is no {address.path} here")
        query = dict(parse_qsl(address.query))
        if not self._is_signed(headers, query):
            return _error(401, "the token is invalid")
        try:
            day, number = self._requested(query)
        except (KeyError, ValueError):
            return _error(400, "expected date=YYYY-MM-DD and page=...")
        fault = self.faults.next(day, number)
        if fault is None:
            return self._sound(day, number)
        _log.info("%s, page %d: %s", day, number, fault.model_dump_json(exclude_defaults=True))
        time.sleep(fault.delay + fault.jitter * random.random())  # noqa: S311
        return _faulty(self._sound(day, fault.serve_page or number), fault)

    def serve_forever(self) -> None:
        """Respond to requests in this thread until the process is stopped."""
        self._server.serve_forever()

    def _is_signed(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        return headers.get("Authorization") == self.token

    def _requested(self, query: Mapping[str, str]) -> tuple[datetime.date, int]:
        return datetime.date.fromisoformat(query["date"]), int(query.get("page", 1))

    def _sound(self, day: datetime.date, number: int) -> Answer:
        rows = self.page(day, number)
        return _error(404, f"{day} has no page {number}") if rows is None else Answer(body=rows)


def _faulty(sound: Answer, fault: Fault) -> Answer:
    status, body, headers = sound.status, sound.body, {**sound.headers, **fault.headers}
    if fault.body is not None:
        status, body = 200, fault.body.encode()
    if fault.gzip:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    return Answer(fault.status or status, body, headers, fault)


def _error(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode())
