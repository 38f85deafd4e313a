"""Requests that end in time: connections that are cut at a deadline, whatever the peer sends.

A timeout of a socket begins anew with every byte received. Here a thread of each client watches
over its requests and shuts the socket of one whose time is over; so does closing the client, to all
of them. Before there is a socket, looking up a host and connecting have that time at most.
"""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYetError
from contextlib import contextmanager, suppress
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


class Request:
    """One request under way, in its thread.

    Attributes:
        start: When it began, on the clock of `time.monotonic`.
        end: When its time is over.
        is_cut: Whether it was cut.
    """

    def __init__(self, end: float) -> None:
        """Give it until then."""
        self.start = time.monotonic()
        self.end = end
        self.is_cut = False
        self._socket: Any = None
        self._lock = threading.Lock()

    def uses(self, sock: Any) -> None:
        """Note the socket on which to wait from now on; cut it if it is too late for that."""
        with self._lock:
            self._socket = sock
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """Shut the socket: whoever waits for it goes on at once, with an end of the stream."""
        with self._lock:
            self.is_cut = True
            # Below TLS, and below TLS in TLS, which would want to say goodbye first.
            sock = getattr(self._socket, "socket", self._socket)
            if sock is not None:
                with suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Deadlines:
    """The requests under way of one client."""

    def __init__(self) -> None:
        """Watch over nothing yet."""
        self._changed = threading.Condition()
        self._under_way: set[Request] = set()
        self._wakes_at = 0.0
        self._watch: threading.Thread | None = None
        self._closed = False

    @contextmanager
    def until(self, end: float) -> Iterator[Request]:
        """Have what this thread asks for cut at some time."""
        request = Request(end)
        with self._changed:
            self._under_way.add(request)
            if self._closed:
                request.is_cut = True
            elif self._watch is None:
                # A daemon: it keeps no process from ending.
                self._watch = threading.Thread(target=self._run, daemon=True, name="deadlines")
                self._watch.start()
            elif end < self._wakes_at:
                self._changed.notify()
        _of_thread.request = request
        try:
            yield request
        finally:
            _of_thread.request = None
            with self._changed:
                self._under_way.discard(request)

    def close(self) -> None:
        """Cut all requests, and those that are yet to come."""
        with self._changed:
            self._closed = True
            for request in self._under_way:
                request.cut()
            self._changed.notify()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for request in self._under_way:
                    if request.end <= now and not request.is_cut:
                        request.cut()
                ends = [one.end for one in self._under_way if not one.is_cut]
                self._wakes_at = min(ends, default=now + 60)
                self._changed.wait(max(0.0, self._wakes_at - now))


class _OfThread(threading.local):
    """The request of this thread, for the connection that serves it."""

    request: Request | None = None


_of_thread = _OfThread()


class _Watched(HTTPConnection):
    """A connection that tells the request of its thread which socket it uses."""

    def _new_conn(self) -> socket.socket:
        request = _of_thread.request
        end = time.monotonic() + (self.timeout or 60)
        sock = _connected(self, min(end, request.end) if request else end)
        if request:
            request.uses(sock)
        return sock

    def connect(self) -> None:
        super().connect()
        if _of_thread.request:
            _of_thread.request.uses(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        if _of_thread.request and self.sock is not None:
            _of_thread.request.uses(self.sock)
        super().request(*arguments, **options)


class _WatchedTls(_Watched, HTTPSConnection):
    """The same over TLS; the handshake as a whole has the time that connecting has."""


class WatchedPool(HTTPConnectionPool):
    """Connections that are cut in time."""

    ConnectionCls = _Watched


class WatchedTlsPool(HTTPSConnectionPool):
    """Connections over TLS that are cut in time."""

    ConnectionCls = _WatchedTls


def _connected(connection: HTTPConnection, end: float) -> socket.socket:
    """Connect to one of the addresses of a host.

    Raises:
        NameResolutionError, NewConnectionError, ConnectTimeoutError: It did not work, or not in
            time.
    """
    host, port = connection._dns_host.strip("[]"), connection.port
    try:
        found = _looked_up(host, port, end)
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    problem: OSError = OSError("the host has no address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        sock = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                sock.setsockopt(*option)
            # An address that does not answer leaves time for those after it.
            left = max(0.001, end - time.monotonic())
            sock.settimeout(left / (len(found) - number))
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            # The handshake of TLS has what is left.
            sock.settimeout(max(0.001, end - time.monotonic()))
            return sock
    if isinstance(problem, TimeoutError):
        raise ConnectTimeoutError(connection, f"no connection to {host} in time") from problem
    raise NewConnectionError(connection, f"no connection: {problem}") from problem


def _looked_up(host: str, port: int, end: float) -> list[Any]:
    """Look a host up, which takes a thread: nothing else ends it before the resolver gives up."""
    answer: Future[list[Any]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answer.set_exception(error)

    if host.replace(".", "").isdecimal() or ":" in host:
        look_up()
    else:
        threading.Thread(target=look_up, daemon=True, name="look-up").start()
    try:
        return answer.result(max(0.001, end - time.monotonic()))
    except NotYetError:
        raise socket.gaierror("its name was not looked up in time") from None
    except UnicodeError as error:
        raise socket.gaierror(f"its name is malformed: {error}") from error
