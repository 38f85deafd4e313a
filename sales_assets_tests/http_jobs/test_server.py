"""What clients and signals do to the server, shown with a small application."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice, repeat
from threading import Thread

import pytest

from sales_assets_tests.helpers.programs import wait_for

pytestmark = pytest.mark.slow

# One thread, so that whoever keeps it keeps all others waiting.
SMALL = """
import asyncio, sys, threading
from sales_assets.http_jobs import server

server.SECONDS_TO_ARRIVE = float(sys.argv[1])
released = threading.Event()
def app(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
    if path == "/held":
        print("held", flush=True)
        released.wait()
    answer = b"x" * 30_000_000 if path == "/large" else b"ok %d" % len(body)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
listening = server.listen("127.0.0.1", 0)
print(listening.getsockname()[1], flush=True)
def close():
    print("stopping", flush=True)
    sys.stdin.readline()
    released.set()
asyncio.run(server.serve({listening: app}, 1, close))
print("ended", flush=True)
"""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GET, GET_HELD, GET_LARGE = (
    b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"/", b"/held", b"/large")
)


class Small:
    """The server with the small application, in another process."""

    def __init__(self, process: "subprocess.Popen[str]", stack: ExitStack) -> None:
        assert process.stdout is not None
        self.process = process
        self.says = process.stdout
        self._port = int(self.says.readline())
        self._stack = stack

    def connect(self, sent: bytes = b"") -> socket.socket:
        """Open a connection until the end of the test, and send something."""
        place = ("127.0.0.1", self._port)
        connection = self._stack.enter_context(socket.create_connection(place, timeout=60))
        connection.sendall(sent)
        return connection

    def answers(self) -> bool:
        """Request something until there is a response, and the server has closed the connection.

        On a slow machine, a request may not arrive in time.
        """
        return wait_for("a response", lambda: b"\r\n\r\nok 0" in all_of(self.connect(GET)))

    def open_files(self) -> int:
        """Count its open files."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))  # noqa: PTH208

    def stop(self) -> None:
        """Have it stop, with a status of 0."""
        self.process.terminate()
        assert self.process.communicate("release\n", timeout=60)[0].endswith("ended\n")
        assert self.process.returncode == 0


@contextmanager
def small_server(seconds: float = 600) -> Iterator[Small]:
    """Run it; clients have so many seconds for each step."""
    with (
        subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-c", SMALL, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        yield Small(process, stack)


def all_of(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1000), b""))


def answer(connection: socket.socket) -> bytes:
    """Receive one response of the small application."""
    received = b""
    while b"\r\n\r\nok" not in received:
        more = connection.recv(1000)
        assert more, "closed"
        received += more
    return received


def received_while_dripping(connection: socket.socket, data: bytes = b"") -> bytes:
    """Send byte after byte until the other end closes the connection; give what it sent."""
    received, left = b"", iter(data)

    def closed() -> bool:
        nonlocal received
        try:
            while select.select([connection], [], [], 0)[0]:
                if not (more := connection.recv(1000)):
                    return True
                received += more
            connection.sendall(bytes(islice(left, 1)))
        except (BrokenPipeError, ConnectionResetError):
            return True
        return False

    wait_for("the other end to close", closed, pause=0.02)
    return received


@pytest.mark.parametrize(
    ("at_once", "dripping", "answered"),
    [
        (b"", b"", b""),
        (HEAD, b"", b""),
        (b"", HEAD + b"X: " + b"x" * 10_000, b""),
        (HEAD + b"Content-Length: 10000\r\n\r\n", b" " * 9_999, b"408"),
        (CHUNKED, b"1\r\n \r\n" * 2_000, b"408"),
    ],
    ids=["silence", "half of the head", "a head", "a body", "chunks"],
)
def test_a_request_that_does_not_arrive_whole_is_given_up(
    at_once: bytes, dripping: bytes, answered: bytes
) -> None:
    def given_up() -> bool:
        return received_while_dripping(server.connect(at_once), dripping)[9:12] == answered

    # On a slow machine, a head that is sent at once may not arrive in time.
    with small_server(seconds=0.3) as server:
        wait_for("the end of such a request", given_up)


def test_a_request_that_is_worked_on_for_longer_is_not_given_up() -> None:
    def held() -> socket.socket | None:
        connection = server.connect(GET_HELD)
        # Or the server closes the connection.
        held, closed = server.says.fileno(), connection.fileno()
        return connection if held in select.select([held, closed], [], [], 60)[0] else None

    with small_server(seconds=0.3) as server:
        busy = wait_for("the application", held)
        assert received_while_dripping(server.connect()) == b""
        server.stop()
        assert answer(busy).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "half",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 60000\r\n\r\n" + b" " * 30_000,
        CHUNKED + b"7530\r\n" + b" " * 30_000,
    ],
    ids=["silence", "half of the head", "half of a body", "half of a chunk"],
)
def test_many_halves_of_requests_keep_nobody_waiting(half: bytes) -> None:
    with small_server() as server:
        for _ in range(300):
            server.connect(half)
        assert server.answers()


def test_responses_that_a_client_does_not_take_keep_neither_others_nor_the_end_waiting() -> None:
    with small_server(seconds=1) as server:
        assert server.answers()
        before = server.open_files()
        server.connect(GET_LARGE * 100)
        assert server.answers()
        wait_for("the end of all connections", lambda: server.open_files() <= before)
        server.connect(GET_LARGE)
        assert server.answers()
        server.stop()


@pytest.mark.parametrize("length", [0, 1, 65536])
def test_a_body_gets_through_whole(length: int) -> None:
    body = b"x" * length
    chunks = b"%x\r\n%b\r\n" % (length, body) if length else b""
    with small_server() as server:
        for sent in (
            HEAD + b"Content-Length: %d\r\n\r\n%b" % (length, body),
            CHUNKED + chunks + b"0\r\n\r\n",
        ):
            assert answer(server.connect(sent)).endswith(b"\r\n\r\nok %d" % length)


def test_of_a_body_without_end_the_application_sees_the_beginning() -> None:
    with small_server() as server:
        connection = server.connect(CHUNKED)

        def send() -> None:
            for chunk in repeat(b"1000\r\n" + b"x" * 4096 + b"\r\n"):
                try:
                    connection.sendall(chunk)
                except OSError:
                    return

        sending = Thread(target=send)
        sending.start()
        seen = answer(connection).rpartition(b"ok ")[2]
        assert 65536 < int(seen) < 200_000
        sending.join(60)
        assert not sending.is_alive()


def test_a_connection_is_good_for_one_request() -> None:
    with small_server() as server:
        received = received_while_dripping(server.connect(GET * 100))
        assert received.count(b"ok 0") <= 1


def test_a_connection_of_http_2_with_several_requests_at_once_is_closed() -> None:
    def frame(kind: int, stream: int, content: bytes = b"") -> bytes:
        ends = 5 if kind == 1 else 0  # A request is the whole of it.
        head = len(content).to_bytes(3, "big") + bytes([kind, ends]) + stream.to_bytes(4, "big")
        return head + content

    request = b"\x82\x86\x84\x41\x01x"  # GET, http, "/", and the host "x"
    with small_server() as server:
        connection = server.connect(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0))
        connection.sendall(frame(1, 1, request) + frame(1, 3, request))
        assert b"ok 0" not in all_of(connection)


def test_a_second_signal_ends_it_at_once() -> None:
    with small_server() as server:
        assert server.answers()
        server.process.terminate()
        assert server.says.readline() == "stopping\n"
        server.process.terminate()
        assert server.process.wait(60) == -signal.SIGTERM
