"""A server of raw bytes: it says whatever a test wants, well-formed or not."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import TracebackType

from typing_extensions import Self

Speak = Callable[[socket.socket], None]

LONGEST_DRIP = 15
"""Seconds after which a peer that drips gives up, so that a client without a deadline fails."""


class RawServer:
    """Listens on loopback; each connection is spoken to in a thread of its own.

    Attributes:
        url: The address.
        port: Its port.
        connections: How many there were so far.
    """

    def __init__(self, speak: Speak, tls: ssl.SSLContext | None = None) -> None:
        """Speak so to each connection; it is closed afterwards."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.connections = 0
        self._speak = speak
        self._tls = tls

    def __enter__(self) -> Self:
        """Start to accept."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Accept no more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._speak(connection)
        except OSError:
            """The client has gone."""


def read_request(connection: socket.socket) -> bytes:
    """Take one request without a body; empty when the client has gone."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (received := connection.recv(1)):
            return b""
        request += received
    return request


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Give a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drip(connection: socket.socket, before: bytes, drop: bytes) -> None:
    """Send some bytes at once, and then some more again and again."""
    end = time.monotonic() + LONGEST_DRIP
    connection.sendall(before)
    while time.monotonic() < end:
        connection.sendall(drop)
        time.sleep(0.02)


def always(reply: bytes) -> Speak:
    """Answer each request of a connection so."""

    def speak(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(reply)

    return speak


def in_turn(*replies: bytes) -> Speak:
    """Answer one request with each of these, one after the other."""
    left = iter(replies)

    def speak(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(next(left))

    return speak


HEAD = b"HTTP/1.1 200 OK\r\n"
"""The beginning of a good answer."""
