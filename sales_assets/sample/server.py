"""How the sample API is served: connections, responses, and their faults in transit."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import responses
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import NamedTuple

from typing_extensions import Self

from sales_assets.sample.faults import Fault


class Answer(NamedTuple):
    """A response, and its faults in transit."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = {"Content-Type": "application/json"}
    fault: Fault = Fault()


class Serving:
    """A server that runs in its own thread during a `with` block."""

    _server: TCPServer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Server(ThreadingTCPServer):
    """Serves one GET request, by its path and headers, on each connection, in its own thread."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], answer: Callable[[str, Mapping[str, str]], Answer]
    ) -> None:
        super().__init__(address, _Handler)
        self.answer = answer


class _Handler(StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # The client did not wait for the response.
            # http.server takes ten times as long to parse the headers.
            request = self._line().split()
            headers: dict[str, str] = {}
            while line := self._line():
                name, _, value = line.partition(":")
                headers[name.title()] = value.strip()
            match request:
                case ["GET", path, _]:
                    self._send(self.server.answer(path, headers))
                case [_, *_]:
                    self._send(Answer(501, b'{"message": "only GET requests are served"}'))

    def _line(self) -> str:
        return self.rfile.readline().decode("latin-1").strip()

    def _send(self, response: Answer) -> None:
        status, body, headers, fault = response
        headers = {**headers, "Connection": "close"}
        if fault.content_length:
            headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        body = body[: len(body) // 2] if fault.reset else body[: len(body) - fault.cut]
        if fault.drip:
            self.wfile.write(head)
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.drip)
        else:
            self.wfile.write(head + body)
        if fault.reset:
            # Closing a socket without lingering resets the connection.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())
