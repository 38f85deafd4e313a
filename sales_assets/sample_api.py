"""The embedded sample API: a real HTTP server on loopback that behaves like the real ones.

Its sales are invented, but plausible and always the same for a day; so are its rides for a seed
(`sample_rides`). It serves runs on a machine without a token (`SALES_API_URL=sample`) or without a
rides API, people who try the project, and the tests.
"""

import datetime
import functools
import hmac
import itertools
import json
import random
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import dagster as dg
from pydantic import Field
from typing_extensions import Self

from sales_assets.rides_api import RidesApi
from sales_assets.sales_api import SalesApi
from sales_assets.sample_rides import sample_ride

PAGE_SIZE = 100

_ROWS_BY_WEEKDAY = (290, 300, 310, 330, 400, 460, 370)
_FIRST_NAMES = ("Amelia", "Arthur", "Carlos", "Chloe", "Daniel", "Elena", "Farid", "Grace")
_LAST_NAMES = ("Adams", "Bauer", "Castro", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ito")
_PRODUCTS = {
    "TV": (500, 2500),
    "Laptop": (500, 3500),
    "Phone": (150, 1500),
    "coffee machine": (400, 4900),
    "Vacuum cleaner": (80, 800),
    "Microwave oven": (100, 600),
}


class Answer(NamedTuple):
    """An HTTP answer; a Content-Length among the headers is sent as it is, true or not."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"Content-Type": "application/json"}


def rows_of_day(day: datetime.date) -> int:
    """How many sales the sample API has for a day: a few hundred, most of them on Saturdays."""
    return int(_ROWS_BY_WEEKDAY[day.weekday()] * (0.9 + 0.2 * random.Random(f"{day}").random()))  # noqa: S311


def sample_page(day: datetime.date, page: int, rows: int | None = None) -> bytes | None:
    """Invent one page of a day, without need of the pages before it.

    Args:
        day: The day of the sales.
        page: Number of the page, from 1.
        rows: How many rows the day has; `rows_of_day` unless given.

    Returns:
        A JSON list of up to `PAGE_SIZE` sales; None past the last page.
    """
    total = rows_of_day(day) if rows is None else rows
    count = min(PAGE_SIZE, total - (page - 1) * PAGE_SIZE)
    if page < 1 or count <= 0:
        return None
    # Only random() promises the same numbers in every version of Python.
    draw = random.Random(f"{day} {page}").random  # noqa: S311

    def one_of(choices: Sequence[str]) -> str:
        return choices[int(draw() * len(choices))]

    products = list(_PRODUCTS)
    sales = []
    for _ in range(count):
        product = one_of(products)
        low, high = _PRODUCTS[product]
        sales.append(
            {
                "client": f"{one_of(_FIRST_NAMES)} {one_of(_LAST_NAMES)}",
                "purchase_date": day.isoformat(),
                "product": product,
                "price": low + int(draw() * (high - low)),
            }
        )
    return json.dumps(sales).encode()


class SampleApi:
    """The server; runs in a thread of its own while the `with` block lasts.

    Attributes:
        token: What a request has to send as `Authorization`.
        page: Gives a page of a day as bytes, or None past the last one.
        ride: Gives a ride by its number, from 1; each request gets the next, and needs no token.
    """

    def __init__(
        self,
        token: str | None = None,
        page: Callable[[datetime.date, int], bytes | None] = sample_page,
        port: int = 0,
        ride: Callable[[int], bytes] = sample_ride,
    ) -> None:
        """Listen on loopback.

        Args:
            token: A token of its own for this server, unless given.
            page: Where the pages come from.
            port: Any free one, unless given.
            ride: Where the rides come from.
        """
        self.token = token or secrets.token_urlsafe()
        self.page = page
        self.ride = ride
        self._ride_numbers = itertools.count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self.answer))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer a GET request for a path with its query."""
        address = urlsplit(path)
        if address.path == "/ride":
            return Answer(body=self.ride(next(self._ride_numbers)))
        if address.path != "/sales":
            return _error(HTTPStatus.NOT_FOUND, f"there is no {address.path} here")
        sent = headers.get("Authorization", "")
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            return _error(HTTPStatus.UNAUTHORIZED, "Authorization is not the token of this API")
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        try:
            day = datetime.date.fromisoformat(query["date"])
            number = int(query.get("page", "1"))
        except (KeyError, ValueError):
            return _error(HTTPStatus.BAD_REQUEST, "date=YYYY-MM-DD and page=N are expected")
        body = self.page(day, number)
        if body is None:
            return _error(HTTPStatus.NOT_FOUND, f"{day} has no page {number}")
        return Answer(body=body)

    def serve_forever(self) -> None:
        """Answer requests in this thread until the process is told to stop."""
        self._server.serve_forever()

    def __enter__(self) -> Self:
        """Start to answer."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()


class SampleSalesApi(SalesApi):
    """The sales API resource, talking to a sample API that lives as long as the run does."""

    url: str = Field(default="sample", description="The embedded sample API: invented sales.")

    @property
    def source(self) -> str:
        """Say that these sales are none."""
        return "embedded sample API: INVENTED sales, not real ones"

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Start the server, and use it with a token of its own."""
        with SampleApi() as api:
            self._connect(api.url, api.token)
            try:
                yield self
            finally:
                self.teardown_after_execution(context)


class SampleRidesApi(RidesApi):
    """The rides API resource, talking to a sample API that lives as long as the run does."""

    url: str = Field(default="sample", description="The embedded sample API: invented rides.")

    @property
    def source(self) -> str:
        """Say that these rides are none."""
        return "embedded sample API: INVENTED rides, not real ones"

    @contextmanager
    def open(self, run_id: str | None = None) -> Iterator[Self]:
        """Start the server, with rides of its own: their seed is the run's id, or a new one."""
        ride = functools.partial(sample_ride, seed=run_id or str(uuid.uuid4()))
        with SampleApi(ride=ride) as api:
            self._connect(api.url)
            try:
                yield self
            finally:
                self._client.close()


def _error(status: HTTPStatus, message: str) -> Answer:
    return Answer(status, json.dumps({"message": message}).encode())


def _handler(answer: Callable[[str, Mapping[str, str]], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the last packet of an answer waits for the client's ACK of the one before it.
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_GET(self) -> None:
            status, body, headers = answer(self.path, self.headers)  # type: ignore[arg-type]
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.close_connection = "Content-Length" in headers
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet; who asks knows what it asked for."""

    return Handler
