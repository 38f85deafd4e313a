"""The pace of the API: the search for a level, and the gate that keeps to it."""

import itertools
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sales_assets.http.pace import FIRST_LEVEL, LevelSearch, NoTurnError, Pace
from sales_assets_tests.helpers.http_client import as_it_is, client_of
from sales_assets_tests.helpers.raw_server import RawServer, answer, read_request


def levels(
    rate: Callable[[int], float], ceiling: int = 32, limit: int = 1000, steps: int = 300
) -> list[int]:
    """Let a search meet an API that gives that rate at a level, and refuses levels beyond a limit.

    Returns:
        The levels that it went through.
    """
    search = LevelSearch(FIRST_LEVEL, ceiling)
    found = [FIRST_LEVEL]
    for _ in range(steps):
        level = found[-1]
        found.append(
            search.refused(level) if level > limit else search.measured(level, rate(level))
        )
    return found


def noisy(rate: Callable[[int], float]) -> Callable[[int], float]:
    """Make a rate come out a little higher or lower each time."""
    noise = itertools.cycle([1.0, 0.93, 1.06, 0.97, 1.04])
    return lambda level: rate(level) * next(noise)


def test_an_api_that_keeps_its_speed_is_soon_asked_at_the_ceiling() -> None:
    found = levels(lambda level: level / 0.05)
    assert found[:3] == [8, 16, 32]
    assert sum(found) / len(found) > 30


@pytest.mark.parametrize("rate", [lambda _: 50.0, noisy(lambda _: 50.0)], ids=["even", "noisy"])
def test_an_api_that_serves_one_at_a_time_is_asked_by_few(rate: Callable[[int], float]) -> None:
    assert max(levels(rate)[20:]) <= 4


@pytest.mark.parametrize("workers", [3, 10, 20])
def test_an_api_with_some_workers_is_asked_by_about_as_many(workers: int) -> None:
    settled = levels(noisy(lambda level: min(level, workers) / 0.05))[30:]
    assert sum(min(level, workers) for level in settled) / len(settled) > 0.85 * workers
    assert sum(settled) / len(settled) < 1.5 * workers


def test_an_api_that_becomes_slow_is_asked_by_fewer() -> None:
    measured = itertools.count()

    def rate(level: int) -> float:
        return level / 0.05 if next(measured) < 30 else 50.0

    found = levels(rate)
    assert found[30] == 32
    assert max(found[60:]) <= 4


@pytest.mark.parametrize("limit", [1, 2, 5, 10, 31])
def test_an_api_that_refuses_more_at_a_time_is_hardly_ever_asked_for_more(limit: int) -> None:
    found = levels(lambda level: level / 0.05, limit=limit)
    assert sum(level > limit for level in found) <= 12
    settled = found[30:]
    assert sum(min(level, limit) for level in settled) / len(settled) > limit / 1.3


def test_a_refused_level_is_halved() -> None:
    assert LevelSearch(8, 32).refused(8) == 4
    assert LevelSearch(1, 32).refused(1) == 1


def test_a_limit_that_is_gone_is_found_out_in_time() -> None:
    search = LevelSearch(8, 32)
    level = search.refused(8)
    for _ in range(100):
        level = search.measured(level, level / 0.05)
    assert level > 20


def test_an_outage_is_soon_forgotten() -> None:
    search = LevelSearch(8, 32)
    level = 8
    for _ in range(20):
        level = search.measured(level, level / 0.05)
    for _ in range(10):
        level = search.refused(level)
    assert level == 1
    for _ in range(15):
        level = search.measured(level, level / 0.05)
    assert level == 32


@pytest.mark.parametrize("ceiling", [1, 2, 5, 64])
def test_no_level_is_above_the_ceiling(ceiling: int) -> None:
    pace = Pace(ceiling)
    now = most = 0
    lock = threading.Lock()

    def request(_: int) -> None:
        nonlocal now, most
        with pace.slot():
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.0005)
            with lock:
                now -= 1

    with ThreadPoolExecutor(80) as pool:
        list(pool.map(request, range(500)))
    assert most <= ceiling


def test_slots_are_given_in_the_order_of_asking() -> None:
    pace = Pace(1)
    order: list[int] = []
    threads = []

    def request(number: int) -> None:
        with pace.slot():
            order.append(number)

    with pace.slot():
        for number in range(10):
            threads.append(threading.Thread(target=request, args=(number,)))
            threads[-1].start()
            while len(pace._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(10))


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    pace = Pace(1)
    with pace.slot(), pytest.raises(NoTurnError), pace.slot(time.monotonic() + 0.05):
        pass
    with pace.slot():
        """There is a place again."""


def test_retry_after_pauses_everybody_and_counts_once() -> None:
    times: list[float] = []
    together = threading.Barrier(3)
    refusal = answer(b"", "Retry-After: 1", status="429 No")
    replies = iter([refusal] * 3)

    def speak(connection: socket.socket) -> None:
        while read_request(connection):
            reply = next(replies, answer(b"[]"))
            if reply is refusal:
                together.wait(10)
            times.append(time.monotonic())
            connection.sendall(reply)

    pace = Pace(3)
    manners = {"pace": pace, "max_attempts": 3, "retry_after_cap": 1, "backoff": 0.001}
    with (
        RawServer(speak) as server,
        client_of(server.url, **manners) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        list(pool.map(lambda _: client.get("/", {}, as_it_is), range(3)))
    assert pace.pauses == 1
    assert pace.level == 1
    assert min(times[3:]) >= times[2] + 0.9


def test_a_pause_holds_for_requests_that_were_not_refused() -> None:
    pace = Pace(4, longest_pause=0.2)
    with pace.slot() as refused:
        refused.refused, refused.retry_after = True, 3600
    before = time.monotonic()
    with pace.slot():
        assert time.monotonic() >= before + 0.15
    assert pace.pauses == 1
