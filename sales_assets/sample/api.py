"""The embedded sample API: a real HTTP server on loopback that behaves like the real ones.

Its sales (`sales`) are invented, but plausible and always the same for a day; so are its
rides (`rides`) for a seed. It serves runs on a machine without a token (`SALES_API_URL=sample`) or
without a rides API, people who try the project, and the tests.
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
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from socketserver import TCPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from typing_extensions import Self

from sales_assets.sample.faults import Fault, Faults
from sales_assets.sample.rides import sample_ride
from sales_assets.sample.sales import PAGE_SIZE, sample_page
from sales_assets.sample.shapes import Place, Shape

_LONGEST_LINE = 1 << 16


class Answer(NamedTuple):
    """A response, and how it goes wrong on its way."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"Content-Type": "application/json"}
    fault: Fault = Fault()


_log = logging.getLogger(__name__)


class Serving:
    """A server that runs in a thread of its own while a `with` block lasts."""

    _server: TCPServer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class SampleApi(Serving):
    """The server.

    Args:
        token: What a request has to send as `Authorization`; a random one unless given.
        page: Makes a page of a day as bytes, or None past the last one.
        port: Any free one, unless given.
        faults: What goes wrong with sales.
        ride: Makes a ride by its number, from 1; each request gets the next, and needs no token.
        host: The address to listen on.
        shape: How the pages are requested and served; like those of the sales unless given.
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
        self._server = _Server((host, port), _handler(self.answer))

    @property
    def url(self) -> str:
        """The base address."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Respond to a GET request for a path with its query."""
        address = urlsplit(path)
        if address.path == "/ride":
            return Answer(body=self.ride(next(self._ride_numbers)))
        if address.path != "/sales":
            return _error(HTTPStatus.NOT_FOUND, f"there is no {address.path} here")
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        sent = self.shape.token_of(headers, query)
        if not hmac.compare_digest(sent.encode(), self.token.encode()):
            return _error(HTTPStatus.UNAUTHORIZED, "this is not the token of this API")
        try:
            day, number = self.shape.asked(query)
        except (KeyError, ValueError):
            shape = self.shape
            expected = f"{shape.day}=YYYY-MM-DD and {shape.parameter}=... are expected"
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


class _Server(HTTPServer):
    """Serves each connection in a thread of its own; threads that are done serve further ones.

    To start a thread takes as long as to serve a request. Unlike those of an executor, these
    threads do not hold up the end of a process whose clients neither send nor hang up.
    """

    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: SimpleQueue[tuple[Any, Any] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Leave a connection to a thread that is idle, or to a new one."""
        self._connections.put((request, client_address))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._serve, daemon=True).start()

    def server_close(self) -> None:
        """Stop listening, and let the idle threads end."""
        super().server_close()
        self._connections.put(None)

    def _serve(self) -> None:
        while connection := self._connections.get():
            try:
                self.finish_request(*connection)
            except Exception:
                self.handle_error(*connection)
            finally:
                self.shutdown_request(connection[0])
            self._idle.release()
        self._connections.put(None)

    def shutdown_request(self, request: Any) -> None:
        """Close at once: the default says goodbye first, and a reset would not be one."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that did not wait for a response; show everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def _handler(answer: Callable[[str, Mapping[str, str]], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Else the last packet of a response waits for the client's ACK of the one before it.
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            """Serve a request; http.server takes ten times as long to read its head."""
            words = self._line().split()
            headers: dict[str, str] = {}
            while line := self._line():
                name, _, value = line.partition(":")
                headers[name.title()] = value.strip()
            self.close_connection = headers.get("Connection") == "close" or not words
            if words[:1] == ["GET"] and len(words) == 3:
                self._respond(answer(words[1], headers))
            elif words:
                self._respond(_error(HTTPStatus.NOT_IMPLEMENTED, "only GET requests are served"))

        def _line(self) -> str:
            return self.rfile.readline(_LONGEST_LINE).decode("latin-1").strip()

        def _respond(self, response: Answer) -> None:
            status, body, headers, fault = response
            self.request_version = self.protocol_version
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if fault.content_length:
                self.send_header("Content-Length", str(len(body)))
            self.close_connection |= bool(fault.cut or fault.reset or not fault.content_length)
            self.end_headers()
            self._send(body, fault)

        def _send(self, body: bytes, fault: Fault) -> None:
            sent = body[: len(body) // 2] if fault.reset else body[: len(body) - fault.cut]
            for byte in sent if fault.drip else ():
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(fault.drip)
            self.wfile.write(b"" if fault.drip else sent)
            self.wfile.flush()
            if fault.reset:
                # Closing a socket that does not linger resets the connection.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        def log_message(self, *_: Any) -> None:
            """Log nothing: clients know what they requested."""

    return Handler
