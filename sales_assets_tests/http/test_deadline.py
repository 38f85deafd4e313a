"""Requests end in time, whatever the peer does."""

import socket
import threading
import time

import pytest

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets_tests.helpers.http_client import as_it_is, asked, client_of, closing_after
from sales_assets_tests.helpers.raw_server import (
    HEAD,
    RawServer,
    always,
    answer,
    drip,
    read_request,
)

DRIPS = {
    "status line": (b"", b"H"),
    "header": (HEAD + b"X: ", b"a"),
    "headers": (HEAD, b"A: b\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "body without a length": (HEAD + b"\r\n", b"a"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "size of a chunk": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "error": (b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n", b"a"),
}


@pytest.mark.parametrize(("before", "drop"), DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_in_ends_at_the_deadline(before: bytes, drop: bytes) -> None:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        drip(connection, before, drop)

    with pytest.raises(TransientHttpError, match=r"no whole answer within 0\.3 s"):
        asked(speak, request_timeout=0.3)


def test_a_deadline_of_the_caller_counts_too() -> None:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        drip(connection, b"", b"H")

    with (
        RawServer(speak) as server,
        client_of(server.url) as client,
        pytest.raises(TransientHttpError, match=r"no whole answer within 0\.[23]\d* s"),
    ):
        client.get("/", {}, as_it_is, deadline=time.monotonic() + 0.3)


def test_a_handshake_that_drips_in_ends_in_time() -> None:
    with RawServer(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00", b"\x02")) as server:
        address = server.url.replace("http:", "https:")
        with (
            client_of(address, connect_timeout=0.3) as client,
            pytest.raises(TransientHttpError, match=r"in time|timed out"),
        ):
            client.get("/", {}, as_it_is)


def test_a_proxy_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        drip(connection, b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")

    with RawServer(speak) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with (
            client_of("https://sales.example", request_timeout=0.3) as client,
            pytest.raises(TransientHttpError, match=r"no whole answer within 0\.[23]\d* s"),
        ):
            client.get("/", {}, as_it_is)


def test_the_next_request_is_not_cut_by_the_deadline_of_the_one_before() -> None:
    with (
        RawServer(always(answer(b"[]"))) as server,
        client_of(server.url, request_timeout=0.2) as client,
    ):
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            assert client.get("/", {}, as_it_is).body == b"[]"
    assert server.connections == 1


@pytest.mark.parametrize("max_attempts", [1, 100])
def test_closing_the_client_ends_what_is_under_way(max_attempts: int) -> None:
    waiting = threading.Event()

    def speak(connection: socket.socket) -> None:
        read_request(connection)
        waiting.set()
        drip(connection, b"", b"H")

    with RawServer(speak) as server, client_of(server.url, max_attempts=max_attempts) as client:
        closer = closing_after(waiting, client)
        with pytest.raises(HttpError, match="the client was closed"):
            client.get("/", {}, as_it_is)
        closer.join()
