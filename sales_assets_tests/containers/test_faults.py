"""Containers that are killed while a backfill is under way: it heals by itself."""

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sales_assets_tests.helpers.containers import Containers, running_containers
from sales_assets_tests.helpers.days import days_from
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.containers

IN_A_RUN, IN_A_LAUNCH, AWAY, DAEMON, POSTGRES = map(
    days_from, ("2023-01-01", "2023-03-01", "2023-05-01", "2023-07-01", "2023-09-01")
)
# A page near the end of each backfill lets its run wait long enough to be killed.
HELD = [
    {"date": days[20], "page": 1, "delay": 20, "times": 1}
    for days in (IN_A_RUN, AWAY, DAEMON, POSTGRES)
]


@pytest.fixture(scope="module")
def containers(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The running installation."""
    with running_containers(tmp_path_factory.mktemp("faults"), HELD) as running:
        yield running


def heal(
    containers: Containers, days: list[str], service: str, at: str = "STARTED", away: float = 0
) -> list[str]:
    """Kill a service in the middle of a backfill, and assert that all days are there in the end.

    Args:
        containers: The installation.
        days: Those of the backfill.
        service: The one to kill.
        at: The status of the run when that happens.
        away: Seconds until it is started again; by Docker, at once, unless given.

    Returns:
        The status of each run of the backfill, in their order.
    """
    ui = containers.ui
    backfill = ui.backfill(days)

    def reached() -> bool:
        return at in {run["status"] for run in ui.runs_of(backfill)}

    wait_for(f"a run that is {at}", reached, 120)
    killed = time.time()
    containers.kill(service, away)
    ui.wait_for_backfill(backfill)
    containers.tell(f"{service} killed", backfill, killed)
    containers.prove(days)
    # A webserver whose database was away finds that out when it is asked for the first time.
    with suppress(AssertionError):
        ui.materializations("raw_sales", days)
    for asset in ("raw_sales", "stg_sales"):
        assert ui.materializations(asset, days) == days
    return [run["status"] for run in ui.runs_of(backfill)]


def test_a_code_location_that_is_killed_in_a_run(containers: Containers) -> None:
    assert heal(containers, IN_A_RUN, "code-location") == ["FAILURE", "SUCCESS"]


def test_a_code_location_that_is_killed_in_a_launch(containers: Containers) -> None:
    # Either the launch is tried again, or the run had begun and another one takes its place.
    [*dead, last] = heal(containers, IN_A_LAUNCH, "code-location", at="STARTING")
    assert (set(dead) <= {"FAILURE"}, last) == (True, "SUCCESS")


def test_a_code_location_that_is_away_for_a_minute(containers: Containers) -> None:
    assert heal(containers, AWAY, "code-location", away=60) == ["FAILURE", "SUCCESS"]


def test_a_daemon_that_is_killed_in_a_run(containers: Containers) -> None:
    assert heal(containers, DAEMON, "daemon") == ["SUCCESS"]


def test_a_postgres_that_is_killed_in_a_run(containers: Containers) -> None:
    # A run waits for it for some seconds, and is started again if it came to need it just then.
    [*dead, last] = heal(containers, POSTGRES, "postgres")
    assert (set(dead) <= {"FAILURE"}, last) == (True, "SUCCESS")
