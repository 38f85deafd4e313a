"""Runs WSGI applications under waitress, in one event loop, until the process is told to stop.

On SIGTERM or Ctrl-C the requests that are running get their answers before the server ends; a
second signal ends it at once. What the applications do is not known here.
"""

import json
import signal
import socket
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What an application wants to refuse in its own words has to get through to it.
_MAX_BODY = 1024 * 1024


class _JsonErrorTask(ErrorTask):  # type: ignore[misc]
    """Answers requests that waitress itself refuses (malformed HTTP, far too large) in JSON."""

    def execute(self) -> None:
        error = self.request.error
        body = json.dumps({"message": f"{error.reason}: {error.body}"}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _JsonErrorTask


class HttpServer:
    """The servers of a process."""

    def __init__(self, host: str, threads: int) -> None:
        """Get ready.

        Args:
            host: Name or address to listen on.
            threads: How many requests each application works on at a time.
        """
        self._host = host
        self._threads = threads
        self._sockets: dict[int, Any] = {}

    def listen(self, app: Callable[..., Iterable[bytes]], port: int) -> str:
        """Open a port for an application; it is not served before `run`.

        Args:
            app: The WSGI application.
            port: 0 for any free one.

        Returns:
            The address.

        Raises:
            OSError: The host is unknown, or the port taken.
        """
        family, *_, address = socket.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family)
        server = create_server(
            app,
            map=self._sockets,
            sockets=[listening],
            threads=self._threads,
            max_request_body_size=_MAX_BODY,
            ident=None,
        )
        server.channel_class = _Channel
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{server.effective_port}/"

    def run(self, on_stop: Callable[[], None]) -> None:
        """Serve until a signal comes, and then until every request has its answer.

        Args:
            on_stop: Called when the signal comes, within its handler; has the applications refuse
                what comes from now on.
        """
        stopping = False

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal stopping
            stopping = True
            on_stop()
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_DFL)

        for each in _SIGNALS:
            signal.signal(each, stop)
        # waitress's own `run` gives running requests five seconds, and then drops them.
        while not (stopping and self._idle()):
            wasyncore.loop(timeout=0.5, map=self._sockets, count=1)
        wasyncore.close_all(self._sockets)

    def _idle(self) -> bool:
        """Tell whether no request is being worked on and every answer has been sent."""
        return not any(
            channel.requests or channel.total_outbufs_len
            for channel in self._sockets.values()
            if isinstance(channel, HTTPChannel)
        )
