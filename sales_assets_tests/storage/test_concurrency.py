"""How many days are done at a time."""

import pytest

from sales_assets.storage.concurrency import Concurrency


class Machine:
    """A clock, and a processor that works for this process a share of the time."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.now = self.worked = 0.0

    def go_on(self, seconds: float, share: float) -> None:
        """Let time pass, in which the processor is busy this share of it."""
        self.now += seconds
        self.worked += seconds * share

    def concurrency(self, most: int) -> Concurrency:
        """Watch this machine."""
        return Concurrency(most, clock=lambda: self.now, busy=lambda: self.worked)


@pytest.mark.parametrize(
    ("share", "most", "level"),
    [
        pytest.param(0.1, 32, 32, id="waits for others"),
        pytest.param(0.1, 5, 5, id="waits for others, below a low ceiling"),
        pytest.param(0.8, 32, 4, id="busy, with some time to spare"),
        pytest.param(1.0, 32, 1, id="busy all the time"),
        pytest.param(1.7, 32, 1, id="two cores busy"),
    ],
)
def test_a_level_is_found_that_leaves_the_processor_busy(
    share: float, most: int, level: int
) -> None:
    machine = Machine()
    concurrency = machine.concurrency(most)
    for _ in range(10):
        machine.go_on(0.125, share)
        concurrency.level()
    assert concurrency.level() == level


def test_nothing_changes_before_there_was_something_to_see() -> None:
    machine = Machine()
    concurrency = machine.concurrency(32)
    for _ in range(9):
        machine.go_on(0.01, 0.0)
        assert concurrency.level() == 4


def test_an_api_that_becomes_slow_is_asked_for_more_days_at_a_time() -> None:
    machine = Machine()
    concurrency = machine.concurrency(32)
    for share in [1.0] * 5 + [0.1] * 5:
        machine.go_on(0.125, share)
        concurrency.level()
    assert concurrency.level() == 32


def test_one_at_a_time_stays_one_at_a_time() -> None:
    machine = Machine()
    concurrency = machine.concurrency(1)
    machine.go_on(1, 0.0)
    assert concurrency.level() == 1
