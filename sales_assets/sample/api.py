"""The embedded sample API: a real HTTP server on loopback that behaves like the real ones.

Its sales (`sales`) are invented, but plausible and always the same for a day; its rides (`rides`)
are always the same for a seed. It is for runs without a token (`SALES_API_URL=sample`) or without a
rides API, for trying the project, and for the tests.
"""

import codecs
import datetime
import gzip
import hmac
import itertools
import json
import logging
import random
import secrets
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.rides import sample_ride
from sales_assets.sample.sales import PAGE_SIZE, sample_page
from sales_assets.sample.server import Answer, Server, Serving, handler
from sales_assets.sample.shapes import Place, Shape

__all__ = ["Answer", "SampleApi", "Serving"]

_log = logging.getLogger(__name__)


class SampleApi(Serving):
    """The server.

    Args:
        token: The token that requests must send; random unless given.
        page: Returns a page of a day as bytes, or None past the last one.
        port: Any free port unless given.
        faults: The faults of the sales.
        ride: Returns a ride by its number, from 1; each request gets the next, without a token.
        host: The address to listen on.
        shape: How the pages are requested and served; that of the sales unless given.
    """

    def __init__(
        self,
        token: str | None = None,
        page: Callable[[datetime.date, int], bytes | None] = sample_page,
        port: int = 0,
        faults: Faults | None = None,
        ride: Callable[[int], bytes] = sample_ride,
        host: str = "127.0.0.1",
        shape: Shape | None = None,
    ) -> None:
        self.token = token or secrets.token_urlsafe()
        self.page = page
        self.faults = faults or Faults()
        self.ride = ride
        self.shape = shape or Shape()
        self._ride_numbers = itertools.count(1)
        self._server = Server((host, port), handler(self.answer))

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
            return _error(HTTPStatus.NOT_FOUND, f"there is no {address.path} here")
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        sent = self.shape.token_of(headers, query)
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            return _error(HTTPStatus.UNAUTHORIZED, "the token is invalid")
        try:
            day, number = self.shape.asked(query)
        except (KeyError, ValueError):
            expected = f"expected {self.shape.day}=YYYY-MM-DD and {self.shape.parameter}=..."
            return _error(HTTPStatus.BAD_REQUEST, expected)
        fault = self.faults.next(day, number)
        if fault is not None:
            _log.info("%s, page %d: %s", day, number, fault.model_dump_json(exclude_defaults=True))
            return self._faulty(fault, day, number)
        return self._sound(day, number)

    def _sound(self, day: datetime.date, number: int) -> Answer:
        body = self.page(day, number)
        if body is None and not (self.shape.empty_at_the_end and number > 1):
            return _error(HTTPStatus.NOT_FOUND, f"{day} has no page {number}")
        return self._shaped(body or b"[]", day, number)

    def _shaped(self, body: bytes, day: datetime.date, number: int) -> Answer:
        if self.shape == Shape():
            return Answer(body=body)
        pages = [*itertools.takewhile(bool, (self.page(day, n) for n in itertools.count(1)))]
        rows = [json.loads(page or b"[]") for page in pages]
        if self.shape.pages == "one":
            body = json.dumps([row for page in rows for row in page]).encode()
        place = Place(f"{self.url}/sales", day, number, number >= len(pages), sum(map(len, rows)))
        body, headers = self.shape.served(body, place)
        return Answer(body=body, headers={**Answer().headers, **headers})

    def _faulty(self, fault: Fault, day: datetime.date, number: int) -> Answer:
        time.sleep(fault.delay + fault.jitter * random.random())  # noqa: S311
        number = fault.serve_page or number
        if fault.page_size or fault.shift:
            size = fault.page_size or PAGE_SIZE
            pages = itertools.takewhile(bool, (self.page(day, n) for n in itertools.count(1)))
            rows = [row for page in pages for row in json.loads(page or b"[]")]
            rows = rows[: fault.shift] + rows
            served = rows[(number - 1) * size : number * size]
            answer = Answer(body=json.dumps(served).encode()) if served else _error(404, "no page")
        else:
            answer = self._sound(day, number)
        headers = {**answer.headers, **fault.headers}
        status = answer.status if fault.status is None else fault.status
        body = answer.body if fault.body is None else fault.body.encode()
        if fault.body is not None and fault.status is None:
            status = 200
        if fault.bom:
            body = codecs.BOM_UTF8 + body
        if fault.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        return Answer(status, body, headers, fault)

    def serve_forever(self) -> None:
        """Respond to requests in this thread until the process is stopped."""
        self._server.serve_forever()


def _error(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode())
