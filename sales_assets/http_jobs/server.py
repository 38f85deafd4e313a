"""Runs WSGI applications under waitress, in one event loop, until the process is told to stop.

On SIGTERM or Ctrl-C the requests that are running get their answers before the server ends, within
a limit; a second signal ends it at once. What the applications do is not known here.

waitress takes a byte now and then for activity, and stops accepting when it has its fill of
connections. Here a request has to come in as a whole within a time limit, whatever its client does,
and a connection too many closes the one that has been idle for the longest.
"""

import json
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NamedTuple

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What an application wants to refuse in its own words has to get through to it.
_MAX_BODY = 1024 * 1024
_OPEN_FILES = 4096
_SECONDS_TO_END = 15
"""How long requests get to answer that they were ended: runs take ten seconds to end at most."""


class Limits(NamedTuple):
    """What clients may take of a server.

    Attributes:
        seconds: How long a connection may take for a whole request, and for receiving the answer.
        connections: How many may be open at a time.
    """

    seconds: float = 30
    connections: int = 400


_LIMITS = Limits()


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
    """A connection.

    Attributes:
        idle_since: When it was made, or was last seen with a whole request to be answered.
    """

    error_task_class = _JsonErrorTask

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.idle_since = time.monotonic()
        super().__init__(*arguments, **options)

    def received(self, data: bytes) -> Any:
        taken = super().received(data)
        self.note_work()
        return taken

    def note_work(self) -> bool:
        """Tell whether a request is being worked on, which makes the connection busy."""
        if self.requests:
            self.idle_since = time.monotonic()
            return True
        return False


class HttpServer:
    """The servers of a process."""

    def __init__(self, host: str, threads: int, limits: Limits = _LIMITS) -> None:
        """Get ready.

        Args:
            host: Name or address to listen on.
            threads: How many requests each application works on at a time.
            limits: What holds for each of the servers.
        """
        self._host = host
        self._limits = limits
        self._threads = threads
        self._sockets: dict[int, Any] = {}
        self._servers: list[Any] = []
        _allow_open_files(_OPEN_FILES)

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
            # Both are looked after here.
            connection_limit=_OPEN_FILES,
            channel_timeout=24 * 3600,
        )
        server.channel_class = _Channel
        self._servers.append(server)
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{server.effective_port}/"

    def run(
        self, on_stop: Callable[[], None], on_end: Callable[[], None], stop_within: float
    ) -> None:
        """Serve until a signal comes, and then until every request has its answer.

        Args:
            on_stop: Called when the signal comes, within its handler; has the applications refuse
                what comes from now on.
            on_end: Called when there are requests without an answer `stop_within` seconds later;
                has them end.
            stop_within: Seconds.
        """
        stopped_at: float | None = None
        ended = False

        def stop(number: int, frame: FrameType | None) -> None:
            nonlocal stopped_at
            stopped_at = time.monotonic()
            on_stop()
            for each in _SIGNALS:
                signal.signal(each, signal.SIG_DFL)

        for each in _SIGNALS:
            signal.signal(each, stop)
        # waitress's own `run` gives running requests five seconds, and then drops them.
        while stopped_at is None or not self._is_idle():
            # poll, since select knows no more than 1024 files.
            wasyncore.loop(timeout=0.5, use_poll=True, map=self._sockets, count=1)
            for server in self._servers:
                _close_idle(server, self._limits)
            stopping_for = 0.0 if stopped_at is None else time.monotonic() - stopped_at
            if stopping_for > stop_within + _SECONDS_TO_END:
                break
            if stopping_for > stop_within and not ended:
                ended = True
                on_end()
        wasyncore.close_all(self._sockets)

    def _is_idle(self) -> bool:
        """Tell whether no request is being worked on and every answer has been sent."""
        return not any(
            channel.requests or channel.total_outbufs_len
            for server in self._servers
            for channel in server.active_channels.values()
        )


def _close_idle(server: Any, limits: Limits) -> None:
    """Close the connections that are idle for too long, and of too many the longest idle ones."""
    channels = list(server.active_channels.values())
    idle = sorted(
        (channel for channel in channels if not channel.note_work()),
        key=lambda channel: channel.idle_since,
    )
    too_many = max(0, len(channels) - limits.connections)
    since = time.monotonic() - limits.seconds
    for number, channel in enumerate(idle):
        if number < too_many or channel.idle_since < since:
            channel.handle_close()


def _allow_open_files(wanted: int) -> None:
    """Raise the limit of this process, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
