"""Containers that are killed or stopped while a backfill is under way: it heals by itself."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest
import requests

from sales_assets_tests.helpers.containers import Containers, running_containers
from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.rows import days_from

pytestmark = pytest.mark.containers

IN_A_RUN, IN_A_LAUNCH, AWAY, DAEMON, POSTGRES, LONG_POSTGRES, ALL, DOWN = (
    days_from(f"{year}-{month}-01") for year in (2023, 2024) for month in ("01", "03", "05", "07")
)
# A page near the end of each backfill lets its run wait long enough for something to happen.
HELD = [
    {"date": days[20], "page": 1, "delay": 20, "times": 1}
    for days in (IN_A_RUN, AWAY, DAEMON, POSTGRES, LONG_POSTGRES, ALL, DOWN)
]


@pytest.fixture(scope="module")
def containers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The running installation."""
    with running_containers(tmp_path_factory.mktemp("faults"), HELD) as running:
        yield running


def heal(
    containers: Containers, days: list[str], happen: Callable[[], object], at: str = "STARTED"
) -> list[str]:
    """Let something happen to a backfill with a run of a status, and prove its days in the end.

    Returns the status of each run of the backfill, in their order.
    """
    ui = containers.ui
    backfill = ui.backfill(days)

    def statuses() -> list[str]:
        return [run["status"] for run in ui.runs_of(backfill)]

    wait_for(f"a run that is {at}", lambda: at in statuses(), 120)
    happen()
    # A webserver that is away, or whose database was, finds that out when it is asked.
    with suppress(AssertionError, requests.RequestException):
        ui.wait_for_backfill(backfill, 600)
    wait_for("all services", lambda: not containers.unhealthy(), 300)
    ui.wait_for_backfill(backfill, 600)
    containers.prove(days)
    for asset in ("raw_sales", "stg_sales"):
        assert ui.materializations(asset, days) == days
    return statuses()


def test_a_code_location_that_is_killed_in_a_run(containers: Containers) -> None:
    happen = partial(containers.kill, "code-location")
    assert heal(containers, IN_A_RUN, happen) == ["FAILURE", "SUCCESS"]


def test_a_code_location_that_is_killed_in_a_launch(containers: Containers) -> None:
    # Either the launch is tried again, or the run had begun and another one takes its place.
    happen = partial(containers.kill, "code-location")
    [*dead, last] = heal(containers, IN_A_LAUNCH, happen, at="STARTING")
    assert (set(dead) <= {"FAILURE"}, last) == (True, "SUCCESS")


def test_a_code_location_that_is_away_for_a_minute(containers: Containers) -> None:
    happen = partial(containers.kill, "code-location", 60)
    assert heal(containers, AWAY, happen) == ["FAILURE", "SUCCESS"]


def test_a_daemon_that_is_killed_in_a_run(containers: Containers) -> None:
    assert heal(containers, DAEMON, lambda: containers.kill("daemon")) == ["SUCCESS"]


@pytest.mark.parametrize(("days", "away"), [(POSTGRES, 0), (LONG_POSTGRES, 200)])
def test_a_postgres_that_is_killed_in_a_run(
    containers: Containers, days: list[str], away: float
) -> None:
    # A run waits for it for some seconds, and is started again if it came to need it just then.
    [*dead, last] = heal(containers, days, lambda: containers.kill("postgres", away))
    assert (set(dead) <= {"FAILURE"}, last) == (True, "SUCCESS")


def test_all_containers_that_are_killed_in_a_run(containers: Containers) -> None:
    [*dead, last] = heal(containers, ALL, containers.kill_all)
    assert (set(dead) <= {"FAILURE"}, last) == (True, "SUCCESS")


def test_down_lets_a_run_end_and_up_goes_on(containers: Containers) -> None:
    def down_and_up() -> None:
        containers.compose("down")
        containers.up()

    assert heal(containers, DOWN, down_and_up) == ["SUCCESS"]
