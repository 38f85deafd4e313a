"""The HTTP client, against servers on real sockets that say good and bad things."""

import socket
import threading

import pytest

from sales_assets.http.client import HttpAnswer
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.tokens import TokenAuth
from sales_assets_tests.helpers.http_client import as_it_is, asked, client_of, closing_after
from sales_assets_tests.helpers.raw_server import (
    RawServer,
    always,
    answer,
    read_request,
)


def test_closing_the_client_ends_the_wait_for_the_next_attempt() -> None:
    refused = threading.Event()
    reply = answer(b"", "Retry-After: 3600", status="503 No")
    with RawServer(always(reply)) as server:
        manners = {"max_attempts": 2, "retry_after_cap": 3600}
        with client_of(server.url, **manners) as client:
            closer = closing_after(refused, client)
            with pytest.raises(HttpError, match="client is closed"):
                client.get("/", {}, as_it_is, on_retry=refused.set)
            closer.join()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_asked_for_again(status: int) -> None:
    replies = iter([answer(b"", status=f"{status} No"), answer(b"[]")])

    def speak(connection: socket.socket) -> None:
        while read_request(connection):
            connection.sendall(next(replies))

    assert asked(speak, max_attempts=2).body == b"[]"


def test_an_error_says_the_address_and_the_reason() -> None:
    with (
        RawServer(always(answer(b"", status="408 Slow"))) as server,
        client_of(f"{server.url}/v1") as client,
        pytest.raises(TransientHttpError) as error,
    ):
        client.get("/sales", {"date": "2022-08-09", "page": "2"}, as_it_is)
    asked_for = f"{server.url}/v1/sales?date=2022-08-09&page=2"
    assert str(error.value) == f"{asked_for}: HTTP 408 Slow"


def test_an_address_elsewhere_is_not_asked() -> None:
    with (
        RawServer(always(answer(b"[]"))) as server,
        client_of(server.url, auth=TokenAuth("made-up-word")) as client,
    ):
        assert client.get(f"{server.url}/next?cursor=2", {"a": "b"}, as_it_is).body == b"[]"
        for elsewhere in ("http://localhost:1/next", server.url.replace("http", "https")):
            with pytest.raises(HttpError, match="is not at"):
                client.get(elsewhere, {}, as_it_is)


ECHOES = {
    "reason": b"HTTP/1.1 400 made-up-word\r\nContent-Length: 0\r\n\r\n",
    "reason of a retried one": b"HTTP/1.1 500 MADE-UP-WORD\r\nContent-Length: 0\r\n\r\n",
    "malformed status line": b"made-up-word\r\n\r\n",
    "malformed version": b"HTTP/made-up-word 200 OK\r\n\r\n",
    "malformed status": b"HTTP/1.1 made-up-word\r\n\r\n",
    "malformed header": b"HTTP/1.1 400 No\r\nmade-up-word\r\nContent-Length: 0\r\n\r\n",
    "malformed length": b"HTTP/1.1 400 No\r\nContent-Length: made-up-word\r\n\r\n",
    "malformed chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmade-up-word\r\n",
    "reason that is cut": b"HTTP/1.1 400 " + b"x" * 195 + b"made-up-word\r\n\r\n",
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
def test_a_token_that_comes_back_is_in_no_error_and_no_log(
    reply: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    def once(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(reply)

    def refuse(answer: HttpAnswer) -> None:
        raise answer.error()

    caplog.set_level("DEBUG")
    with (
        RawServer(once) as server,
        client_of(server.url, auth=TokenAuth("made-up-word"), max_attempts=2) as client,
    ):
        with pytest.raises(HttpError) as error:
            client.get("/", {}, refuse)
        chain: BaseException | None = error.value
        while chain:
            assert "made-up" not in f"{chain!r} {chain}".lower()
            chain = chain.__cause__ or chain.__context__
        assert "made-up" not in caplog.text.lower()
