"""How many requests at a time are found to be right for an API."""

import pytest

from sales_assets.http.limit import FIRST_LEVEL, Limit

LATENCY = 0.05


class Api:
    """An API on a clock of its own, which is called at a limit all the time.

    Attributes:
        limit: The limit.
        refused: How many calls were refused.
    """

    def __init__(self, workers: int = 1000, most: int = 1000) -> None:
        self.workers = workers
        self.most = most
        self.now = 0.0
        self.limit = Limit(32, lambda: self.now)
        self.refused = 0

    def call(self, times: int) -> list[int]:
        """Make so many calls, of which so many are served at a time; give the level at each."""
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
                self.limit.went_well(level)
        return levels


def test_an_api_that_takes_it_is_soon_asked_at_the_ceiling() -> None:
    assert Api().call(500)[-1] == 32


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
    api = Api()
    api.most = 0
    assert api.call(3)[-1] == 2
    api.most = 1000
    assert api.call(100)[-1] >= 4
    assert api.call(10_000)[-1] == 32


def test_with_little_to_ask_for_nothing_is_learnt() -> None:
    limit = Limit(32)
    for _ in range(1000):
        limit.went_well(in_flight=1)
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
