"""Results that are requested ahead of their use, from a real server."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

import pytest

from sales_assets.http.client import Question, in_order, side_by_side
from sales_assets_tests.helpers.http_client import client_of
from sales_assets_tests.helpers.raw_server import RawServer, answer, read_request

Numbers = Callable[[int], Question[int]]
BOUNDS = pytest.mark.parametrize("bound", [1, 2, 8, 64])


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


def always(_: object) -> bool:
    return True


@BOUNDS
def test_requests_never_run_far_ahead_of_their_use(bound: int) -> None:
    with numbers(bound) as (ask, seen):
        results = in_order(ask, always)
        for taken in range(1, 100):
            next(results)
            assert max(seen) <= min(2 * taken, taken + bound + 1)


def test_an_error_is_raised_in_its_turn() -> None:
    def take(number: int) -> Question[int]:
        return ask(number) if number != 4 else ask(0)

    with numbers(8) as (ask, _):
        results = in_order(take, always)
        assert list(islice(results, 3)) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_one_sequence_that_waits_does_not_keep_another_from_going_on() -> None:
    with numbers(4) as (ask, _):
        waiting = in_order(ask, always)
        list(islice(waiting, 50))
        assert list(islice(in_order(ask, always), 20))[-1] == 20
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
        results = in_order(lambda n: Question(client, f"/{n}", {}, lambda _: n), always)
        for taken in range(1, 6):
            next(results)
            # No more than 64 MB of them lie ready.
            assert len(seen) <= taken + 2
