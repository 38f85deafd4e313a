"""How the sample API is served: connections, responses, and their faults in transit.

`api` defines the responses.
"""

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import SimpleQueue
from socketserver import TCPServer
from typing import Any, NamedTuple

from typing_extensions import Self

from sales_assets.sample.faults import Fault

_LONGEST_LINE = 1 << 16


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


class Server(HTTPServer):
    """Serves each connection in its own thread; idle threads are reused.

    Starting a thread takes as long as serving a request. Unlike an executor's, these threads do not
    delay the exit of a process whose clients neither send nor hang up.
    """

    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: SimpleQueue[tuple[Any, Any] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to an idle thread, or to a new one."""
        self._connections.put((request, client_address))
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._serve, daemon=True).start()

    def server_close(self) -> None:
        """Stop listening, and end the idle threads."""
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
        """Close at once: the default shuts down first, which would prevent a reset."""
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that did not wait for a response; show other errors."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def handler(answer: Callable[[str, Mapping[str, str]], Answer]) -> type[BaseHTTPRequestHandler]:
    """Make the class that responds to requests with `answer`, given the path and headers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Otherwise the last packet of a response waits for the ACK of the one before it.
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            """Serve a request; http.server takes ten times as long to parse the headers."""
            words = self._line().split()
            headers: dict[str, str] = {}
            while line := self._line():
                name, _, value = line.partition(":")
                headers[name.title()] = value.strip()
            self.close_connection = headers.get("Connection") == "close" or not words
            if words[:1] == ["GET"] and len(words) == 3:
                self._respond(answer(words[1], headers))
            elif words:
                self._respond(Answer(501, b'{"message": "only GET requests are served"}'))

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
                # Closing a socket without lingering resets the connection.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

        def log_message(self, *_: Any) -> None:
            """Log nothing: clients know what they requested."""

    return Handler
