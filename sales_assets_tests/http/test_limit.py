"""How many requests at a time are found to be right for an API."""

import itertools
from collections.abc import Callable

import pytest

from sales_assets.http.limit import FIRST_LEVEL, Idle, Limit


class Api:
    """An API on a clock of its own, which is called at a limit all the time.

    Attributes:
        limit: The limit.
        levels: The level at each call so far.
        refused: How many calls were refused.
    """

    def __init__(
        self, latency: Callable[[int], float], most: int = 1000, ceiling: int = 32
    ) -> None:
        self.latency = latency
        self.most = most
        self.now = 0.0
        self.is_idle = True
        self.limit = Limit(ceiling, lambda: self.now, lambda: self.is_idle)
        self.levels: list[int] = []
        self.refused = 0

    def call(self, times: int) -> list[int]:
        """Make so many calls; give the levels at which they were made."""
        for _ in range(times):
            level = self.limit.level
            self.levels.append(level)
            self.now += self.latency(level) / level
            if level > self.most:
                self.refused += 1
                self.now += 1
                self.limit.refused()
            else:
                self.limit.went_well(self.latency(level), level)
        return self.levels[-times:]


def with_workers(workers: int) -> Callable[[int], float]:
    """Give the latency of an API that serves so many at a time; it comes out unevenly."""
    noise = itertools.cycle([1.0, 0.93, 1.06, 0.97, 1.04])
    return lambda level: 0.05 * max(1, level / workers) * next(noise)


def test_an_api_that_keeps_its_speed_is_soon_asked_at_the_ceiling() -> None:
    assert Api(with_workers(1000)).call(150)[-1] == 32


@pytest.mark.parametrize("workers", [1, 3, 10, 20])
def test_no_more_than_a_few_wait_in_a_queue_of_the_api(workers: int) -> None:
    settled = Api(with_workers(workers)).call(3000)[1000:]
    assert min(settled) >= min(FIRST_LEVEL, workers)
    assert max(settled) <= max(FIRST_LEVEL, workers) + 6


def test_an_api_that_becomes_slow_is_asked_by_fewer() -> None:
    api = Api(with_workers(1000))
    assert api.call(300)[-1] == 32
    api.latency = with_workers(1)
    assert api.call(2000)[-1] == FIRST_LEVEL


@pytest.mark.parametrize("most", [1, 2, 5, 9, 10, 31])
def test_an_api_that_refuses_more_at_a_time_is_hardly_ever_asked_for_more(most: int) -> None:
    api = Api(with_workers(1000), most)
    settled = api.call(2000)[1000:]
    assert api.refused <= 8 + api.now / 60
    assert sum(min(level, most) for level in settled) / len(settled) > most / 1.3


def test_a_level_that_was_good_before_is_halved_when_it_is_refused() -> None:
    limit = Limit(32)
    limit.refused()
    assert limit.level == FIRST_LEVEL // 2


def test_a_limit_that_is_gone_is_found_out_in_a_minute() -> None:
    api = Api(with_workers(1000), most=10)
    assert api.call(500)[-1] == 10
    api.most = 1000
    api.now += 60
    assert api.call(500)[-1] == 32


def test_an_outage_is_soon_forgotten() -> None:
    api = Api(with_workers(1000))
    api.most = 0
    assert api.call(3)[-1] == 2
    api.most = 1000
    assert api.call(100)[-1] >= 4
    assert api.call(10_000)[-1] == 32


def test_with_little_to_ask_for_nothing_is_learnt() -> None:
    limit = Limit(32)
    for _ in range(1000):
        limit.went_well(0.05, in_flight=1)
    assert limit.level == FIRST_LEVEL


@pytest.mark.parametrize("workers", [1, 5, 10, 1000])
@pytest.mark.parametrize("most", [10, 1000])
@pytest.mark.parametrize("calls", [100, 500, 5000])
def test_it_never_loses_to_a_fixed_eight_but_for_the_pause_after_a_refusal(
    workers: int, most: int, calls: int
) -> None:
    api = Api(with_workers(workers), most)
    api.call(calls)
    fixed = calls * with_workers(workers)(8) / 8
    assert api.now - api.refused <= 1.01 * fixed
    assert api.refused <= 1 + api.now / 60


def test_no_more_calls_are_made_while_the_processor_is_busy() -> None:
    api = Api(with_workers(1000))
    api.is_idle = False
    assert api.call(300)[-1] == FIRST_LEVEL


def test_the_processor_has_had_idle_time_only_if_it_has_for_a_while() -> None:
    seconds = iter([0.0, 0.04, 0.1, 0.2, 0.5, 1.3, 1.4])
    of_cpu = iter([0.0, 0.0, 0.1, 0.12, 0.5, 1.3, 1.31])
    idle = Idle(lambda: next(seconds), lambda: next(of_cpu))
    # Too early to tell; busy; idle for a while; busy since then, even after a second; idle again.
    assert [idle() for _ in range(6)] == [False, False, True, False, False, True]
