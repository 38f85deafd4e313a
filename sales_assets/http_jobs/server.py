"""Serves WSGI applications with Hypercorn, each on its own port, until a signal arrives.

A connection carries one request. Hypercorn closes those that do not send a whole head in time; the
body is read here, within limits, before a thread gets the request: slow clients use no threads.
"""

import asyncio
import json
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import hypercorn.asyncio
from a2wsgi import WSGIMiddleware
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable

MAX_BODY = 64 * 1024
"""Bytes that the body of a request may have."""

SECONDS_TO_ARRIVE = 30
"""How long a client may take to send its head, to send its body, and to read the response."""

_SECONDS_TO_TAKE_ANSWERS = 5
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger(__name__)

WSGIApp = Callable[[Any, Any], Iterable[bytes]]


def listen(host: str, port: int) -> socket.socket:
    """Open a port, any free one for 0; raises `OSError` if that is not possible."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.create_server(address[:2], family=family)
    # Connections inherit this: one whose client does not take its response is closed.
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        milliseconds = int(1000 * SECONDS_TO_ARRIVE)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listening


async def serve(
    apps: Mapping[socket.socket, WSGIApp], threads: int, close: Callable[[], object]
) -> None:
    """Serve until SIGTERM or Ctrl-C; a second signal ends the process at once.

    Args:
        apps: By their open ports.
        threads: Maximum number of concurrent requests per application.
        close: Makes the applications refuse further requests, and returns once the others have
            their responses.
    """
    # Runs need some, too, however many connections are idle.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.get_running_loop().set_exception_handler(_log_in_a_line)
    closing = asyncio.create_task(_close_when_signaled(close))
    serving: asyncio.Future[Any] = asyncio.gather(
        *(
            hypercorn.asyncio.serve(
                _bounded(app, threads),
                _config(opened),
                shutdown_trigger=lambda: asyncio.shield(closing),
                mode="asgi",
            )
            for opened, app in apps.items()
        )
    )
    await asyncio.wait({serving, closing}, return_when=asyncio.FIRST_COMPLETED)
    # Not for longer: some clients do not take their responses.
    await asyncio.wait({serving}, timeout=_SECONDS_TO_TAKE_ANSWERS)
    if serving.done():
        serving.result()


async def _close_when_signaled(close: Callable[[], object]) -> None:
    loop, signaled = asyncio.get_running_loop(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, signaled.set)
    await signaled.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    await loop.run_in_executor(None, close)


def _config(opened: socket.socket) -> Config:
    config = Config()
    config.bind = f"fd://{opened.detach()}"
    config.backlog = 1024
    config.keep_alive_timeout = SECONDS_TO_ARRIVE
    # Requests are rare, and a client that sends many at once would delay others.
    config.keep_alive_max_requests = 1
    config.h2_max_concurrent_streams = 1  # Of HTTP/2.
    config.include_server_header = False
    config.loglevel = "WARNING"
    return config


def _log_in_a_line(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what happens to single connections, such as one whose client reads no response."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):  # Given up at the end.
        _log.warning("%s: %r", context["message"], context.get("exception"))


def _bounded(app: WSGIApp, threads: int) -> Any:
    """Hand `app` requests with complete bodies, or with the beginning of one that is too long."""
    wsgi: Any = WSGIMiddleware(app, workers=threads)

    async def asgi(scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await wsgi(scope, receive, send)
            return
        try:
            body = await asyncio.wait_for(_body(receive), SECONDS_TO_ARRIVE)
        except asyncio.TimeoutError:
            await _refuse_slow(send)
            return
        if body is None:
            return

        async def whole() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        # WSGI would take a chunked body for an empty one.
        replaced = (b"content-length", b"transfer-encoding")
        headers = [header for header in scope["headers"] if header[0] not in replaced]
        headers.append((b"content-length", str(len(body)).encode()))
        # Hypercorn cannot close a connection as long as what arrives is not taken.
        draining = asyncio.create_task(_drain(receive))
        try:
            await wsgi({**scope, "headers": headers}, whole, send)
        finally:
            draining.cancel()

    return asgi


async def _drain(receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] == "http.request":
        pass


async def _body(receive: ASGIReceiveCallable) -> bytes | None:
    """Read a body, up to the chunk that makes it too long; None if the client is gone."""
    body, more = b"", True
    while more and len(body) <= MAX_BODY:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body, more = body + message["body"], message["more_body"]
    return body


async def _refuse_slow(send: ASGISendCallable) -> None:
    message = f"the body of the request did not arrive within {SECONDS_TO_ARRIVE} seconds"
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    status = HTTPStatus.REQUEST_TIMEOUT
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
