"""A server of raw bytes: it says whatever a test wants, well-formed or not."""

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

from sales_assets.sample.api import Serving

HEAD = b"HTTP/1.1 200 OK\r\n"
Speak = Callable[[socket.socket], None]


class RawServer(Serving):
    """Listens on loopback; each connection is spoken to in a thread of its own, then closed."""

    def __init__(self, speak: Speak, tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):  # The client may have gone.
                    plain: socket.socket = self.request
                    with tls.wrap_socket(plain, server_side=True) if tls else plain as connection:
                        speak(connection)

        self._server: _Server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many there were so far."""
        return self._server.connections


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    connections = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        # Otherwise the answer after a handshake waits for 40 ms.
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().process_request(request, client_address)


def read_request(connection: socket.socket) -> bytes:
    """Take one request without a body; empty when the client has gone."""
    request = b""
    while b"\r\n\r\n" not in request:
        if not (received := connection.recv(1)):
            return b""
        request += received
    return request


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drip(connection: socket.socket, before: bytes, drop: bytes) -> None:
    """Send some bytes at once, and then some more again and again."""
    end = time.monotonic() + 15  # when a client without a deadline has failed
    connection.sendall(before)
    while time.monotonic() < end:
        connection.sendall(drop)
        time.sleep(0.02)


def dripping(connection: socket.socket) -> None:
    """Answer a request with headers that never end, one at a time."""
    read_request(connection)
    drip(connection, HEAD, b"A: b\r\n")


def always(reply: bytes, note: Callable[[bytes], object] = len) -> Speak:
    """Answer each request of a connection so; tell `note` of each."""

    def speak(connection: socket.socket) -> None:
        while request := read_request(connection):
            note(request)
            connection.sendall(reply)

    return speak


def in_turn(*replies: bytes) -> Speak:
    """Answer one request with each of these, one after the other."""
    left = iter(replies)

    def speak(connection: socket.socket) -> None:
        if read_request(connection):
            connection.sendall(next(left))

    return speak
