"""How many requests at a time are found to be right for an API."""

import itertools

import pytest

from sales_assets.http.limit import FIRST_LEVEL, Limit

LATENCY = 0.05


class Api:
    """An API on a clock of its own, which serves `workers` calls at a time, and takes `most`."""

    def __init__(self, workers: int = 1000, most: int = 1000) -> None:
        self.workers = workers
        self.most = most
        self.now = 0.0
        self.limit = Limit(32, lambda: self.now)
        self.refused = 0
        # A latency comes out unevenly.
        self._noise = itertools.cycle([1.0, 0.93, 1.06, 0.97, 1.04])

    def call(self, times: int) -> list[int]:
        """Make so many calls; give the level at each."""
        levels = []
        for _ in range(times):
            level = self.limit.level
            levels.append(level)
            self.now += LATENCY / min(level, self.workers)
            if level > self.most:
                self.refused += 1
                self.now += 1
                self.limit.refused()
            else:
                latency = LATENCY * max(1, level / self.workers) * next(self._noise)
                self.limit.went_well(latency, level)
        return levels


def test_an_api_that_keeps_its_speed_is_soon_asked_at_the_ceiling() -> None:
    assert Api().call(500)[-1] == 32


@pytest.mark.parametrize("workers", [1, 3, 10, 20])
def test_no_more_than_a_few_wait_in_a_queue_of_the_api(workers: int) -> None:
    settled = Api(workers).call(3000)[1000:]
    assert min(settled) >= min(FIRST_LEVEL, workers)
    assert max(settled) <= max(FIRST_LEVEL, workers) + 6


def test_an_api_that_becomes_slow_is_asked_by_fewer() -> None:
    api = Api()
    assert api.call(500)[-1] == 32
    api.workers = 1
    assert api.call(2000)[-1] == FIRST_LEVEL


@pytest.mark.parametrize("most", [1, 2, 5, 9, 10, 31])
def test_an_api_that_refuses_more_at_a_time_is_hardly_ever_asked_for_more(most: int) -> None:
    api = Api(most=most)
    settled = api.call(2000)[1000:]
    assert api.refused <= 8 + api.now / 60
    assert sum(min(level, most) for level in settled) / len(settled) > most / 1.3


def test_a_level_that_was_good_before_is_halved_when_it_is_refused() -> None:
    limit = Limit(32)
    limit.refused()
    assert limit.level == FIRST_LEVEL // 2


def test_a_limit_that_is_gone_is_found_out_in_a_minute() -> None:
    api = Api(most=10)
    assert api.call(500)[-1] == 10
    api.most = 1000
    api.now += 60
    assert api.call(600)[-1] == 32


def test_an_outage_is_soon_forgotten() -> None:
    api = Api(most=0)
    assert api.call(3)[-1] == 2
    api.most = 1000
    assert api.call(100)[-1] >= 4
    assert api.call(10_000)[-1] == 32


def test_with_little_to_ask_for_nothing_is_learnt() -> None:
    limit = Limit(32)
    for _ in range(1000):
        limit.went_well(LATENCY, in_flight=1)
    assert limit.level == FIRST_LEVEL


@pytest.mark.parametrize("workers", [1, 5, 10, 1000])
@pytest.mark.parametrize("most", [10, 1000])
@pytest.mark.parametrize("calls", [100, 500, 5000])
def test_it_never_loses_to_a_fixed_eight_but_for_the_pause_after_a_refusal(
    workers: int, most: int, calls: int
) -> None:
    api = Api(workers, most)
    api.call(calls)
    fixed = calls * LATENCY / min(8, workers)
    assert api.now - api.refused <= 1.01 * fixed
    assert api.refused <= 1 + api.now / 60
