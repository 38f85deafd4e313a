"""The HTTP client, against real servers that say good and bad things or nothing, at any pace."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from sales_assets.http.client import HttpAnswer, Question, in_order, side_by_side
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.tokens import TokenAuth
from sales_assets_tests.helpers.http_client import as_it_is, asked, client_of, closing_after, got
from sales_assets_tests.helpers.raw_server import (
    HEAD,
    RawServer,
    Speak,
    always,
    answer,
    drip,
    in_turn,
    read_request,
)

DRIPS = {
    "status line": (b"", b"H"),
    "headers": (HEAD, b"A: b\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b"a"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    "error": (b"HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n", b"a"),
}
LATE = r"no complete response within 0\.3 s"


def dripping(before: bytes, drop: bytes, note: Callable[[], object] = list) -> Speak:
    def speak(connection: socket.socket) -> None:
        read_request(connection)
        note()
        drip(connection, before, drop)

    return speak


@pytest.mark.parametrize(("before", "drop"), DRIPS.values(), ids=DRIPS)
def test_an_answer_that_drips_in_ends_at_the_deadline(before: bytes, drop: bytes) -> None:
    with pytest.raises(TransientHttpError, match=LATE):
        asked(dripping(before, drop), request_timeout=0.3)


def test_a_deadline_of_the_caller_counts_too() -> None:
    with pytest.raises(TransientHttpError, match=r"(no complete response|not sent) in time"):
        asked(dripping(b"", b"H"), deadline=time.monotonic() + 0.3)


def test_a_handshake_that_drips_in_ends_in_time() -> None:
    with (
        RawServer(lambda connection: drip(connection, b"\x16\x03\x03\x40\x00", b"\x02")) as server,
        pytest.raises(TransientHttpError, match=LATE),
    ):
        asked(server.url.replace("http:", "https:"), request_timeout=0.3)


def test_a_proxy_that_drips_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(dripping(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        with pytest.raises(TransientHttpError, match=LATE):
            asked("https://sales.example", request_timeout=0.3)


def test_closing_the_client_ends_what_is_under_way() -> None:
    waiting = threading.Event()
    with (
        RawServer(dripping(b"", b"H", waiting.set)) as server,
        client_of(server.url, max_attempts=100) as client,
        closing_after(waiting, client),
        pytest.raises(HttpError, match="the client was closed"),
    ):
        got(client)


def test_closing_the_client_ends_the_wait_for_the_next_attempt() -> None:
    refused = threading.Event()
    with (
        RawServer(always(answer(b"", "Retry-After: 3600", status="503 No"))) as server,
        client_of(server.url, max_attempts=2, retry_after_cap=3600) as client,
        closing_after(refused, client),
        pytest.raises(HttpError, match="client was closed"),
    ):
        Question(client, "/", {}, as_it_is, on_retry=refused.set).result()


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_asked_for_again(status: int) -> None:
    replies = in_turn(answer(b"", status=f"{status} No"), answer(b"[]"))
    assert asked(replies, max_attempts=2).body == b"[]"


LIMITED = "403 Forbidden"


@pytest.mark.parametrize(
    "header",
    [
        *("Retry-After: 0", "RateLimit: limit=9, remaining=0, reset=0", 'RateLimit: "day";r=0;t=0'),
        *(f"{name}-Remaining: 0" for name in ("RateLimit", "X-RateLimit", "X-Rate-Limit")),
    ],
)
def test_a_403_that_is_a_rate_limit_is_tried_again(header: str) -> None:
    replies = in_turn(answer(b"", header, status=LIMITED), answer(b"[]"))
    assert asked(replies, max_attempts=2).body == b"[]"


def test_a_403_after_a_200_is_tried_once_more_and_then_fails_that_request_alone() -> None:
    good, refused = answer(b"[]"), answer(b"", status=LIMITED)
    replies = in_turn(good, refused, good, refused, refused, good)
    with RawServer(replies) as server, client_of(server.url, max_attempts=6) as client:
        for _ in range(2):
            assert got(client).status == 200
        with pytest.raises(HttpError, match="HTTP 403 Forbidden, although the API accepted"):
            got(client)
        assert got(client).status == 200
    assert server.connections == 6


def test_a_403_before_any_200_is_what_it_is() -> None:
    assert asked(always(answer(b"", status=LIMITED)), max_attempts=6).status == 403


def redirecting(location: str, status: int, note: Callable[[bytes], object] = len) -> Speak:
    def speak(connection: socket.socket) -> None:
        note(read_request(connection).split()[1])
        line = f"Location: {location.format(port=connection.getsockname()[1])}"
        connection.sendall(answer(b"", line, status=f"{status} No"))

    return speak


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("start", ["", "http://127.0.0.1:{port}"])
def test_a_redirect_to_the_same_host_is_followed_once(status: int, start: str) -> None:
    seen: list[bytes] = []
    found = asked(redirecting(f"{start}/sales/", status, seen.append), "/sales?page=1")
    assert found.target.endswith("/sales/")
    assert seen == [b"/sales?page=1", b"/sales/"]


@pytest.mark.parametrize(
    "location",
    ["https://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.0.0.1/", "//[", ""],
)
def test_no_other_redirect_is_followed(location: str) -> None:
    seen: list[bytes] = []
    assert asked(redirecting(location, 308, seen.append)).status == 308
    assert seen == [b"/"]


def test_an_error_says_the_address_and_the_reason() -> None:
    with pytest.raises(TransientHttpError) as error:
        asked(always(answer(b"", status="408 Slow")), "/sales?date=2022-08-09", max_attempts=3)
    assert re.fullmatch(r"http://\S+/sales\?date=2022-08-09: HTTP 408 Slow", str(error.value))
    assert error.value.attempts == 3


@pytest.mark.parametrize(("path", "value"), [("/\ud800", "a"), ("/", "\ud800"), ("URL/\ud800", "")])
def test_an_address_that_is_not_unicode_is_not_asked(path: str, value: str) -> None:
    with RawServer(always(answer(b"[]"))) as server, client_of(server.url) as client:
        with pytest.raises(HttpError, match=r"\\ud800.*not valid Unicode"):
            Question(client, path.replace("URL", server.url), {"a": value}, as_it_is).result()
        assert server.connections == 0


def test_a_long_address_is_shown_in_short() -> None:
    error = HttpError(f"http://host/{'x' * 10_000_000}", "no")
    assert len(str(error)) < 3000


def test_an_address_elsewhere_is_not_asked() -> None:
    with (
        RawServer(always(answer(b"[]"))) as server,
        client_of(server.url, auth=TokenAuth("made-up-word")) as client,
    ):
        following = Question(client, f"{server.url}/next?cursor=2", {"a": "b"}, as_it_is)
        assert following.result().body == b"[]"
        for elsewhere in ("http://localhost:1/next", server.url.replace("http", "https"), "x://["):
            with pytest.raises(HttpError, match="is not at"):
                got(client, elsewhere)


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
    def refuse(answer: HttpAnswer) -> None:
        raise answer.error()

    caplog.set_level("DEBUG")
    with (
        RawServer(in_turn(reply, reply)) as server,
        client_of(server.url, auth=TokenAuth("made-up-word"), max_attempts=2) as client,
        pytest.raises(HttpError) as error,
    ):
        Question(client, "/", {}, refuse).result()
    chain: BaseException | None = error.value
    while chain:
        assert "made-up" not in f"{chain!r} {chain}".lower()
        chain = chain.__cause__ or chain.__context__
    assert "made-up" not in caplog.text.lower()


Numbers = Callable[[int], Question[int]]


@contextmanager
def numbers(bound: int) -> Iterator[tuple[Numbers, list[int]]]:
    """Give questions for numbers, and those that the server was asked for so far."""
    seen: list[int] = []

    def speak(connection: socket.socket) -> None:
        number = int(read_request(connection).split()[1].removeprefix(b"/"))
        seen.append(number)
        connection.sendall(answer(str(number).encode()))

    with RawServer(speak) as server, client_of(server.url, max_in_flight=bound) as client:
        yield lambda n: Question(client, f"/{n}", {}, lambda found: n * n // int(found.body)), seen


def more_are_likely(_: object) -> bool:
    return True


@pytest.mark.parametrize("bound", [1, 2, 8, 64])
def test_requests_never_run_far_ahead_of_their_use(bound: int) -> None:
    with numbers(bound) as (ask, seen):
        results = in_order(ask, more_are_likely)
        for taken in range(1, 100):
            next(results)
            assert max(seen) <= min(2 * taken, taken + bound + 1)


def test_an_error_is_raised_in_its_turn() -> None:
    def take(number: int) -> Question[int]:
        return ask(number) if number != 4 else ask(0)

    with numbers(8) as (ask, _):
        results = in_order(take, more_are_likely)
        assert list(islice(results, 3)) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_one_sequence_that_waits_does_not_keep_another_from_going_on() -> None:
    with numbers(4) as (ask, _):
        waiting = in_order(ask, more_are_likely)
        list(islice(waiting, 50))
        assert list(islice(in_order(ask, more_are_likely), 20))[-1] == 20
        assert next(waiting) == 51


def test_side_by_side_each_question_gets_its_result() -> None:
    with numbers(4) as (ask, _):
        assert side_by_side({n: ask(n) for n in range(9, 0, -1)}) == {n: n for n in range(1, 10)}


def test_large_responses_are_requested_ahead_in_small_numbers() -> None:
    seen: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(bytes(24 << 20)))

    with (
        RawServer(speak) as server,
        client_of(server.url, max_in_flight=32, max_page_bytes=1 << 30) as client,
    ):
        results = in_order(lambda n: Question(client, f"/{n}", {}, lambda _: n), more_are_likely)
        for taken in range(1, 6):
            next(results)
            # No more than 64 MB of them lie ready.
            assert len(seen) <= taken + 2
