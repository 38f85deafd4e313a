"""Runs side by side, their order, and what is left when a process is killed."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from threading import Event
from uuid import UUID

import dagster as dg
import pytest

from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.http_jobs_server import (
    HeldApi,
    HttpJobs,
    api_settings,
    is_alive,
    running_http_jobs,
)
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

DAY = "2022-08-09"
DAYS = ("2022-08-10", "2022-08-11", "2022-08-12", "2022-08-13")


@pytest.fixture(scope="module")
def held_api() -> Iterator[HeldApi]:
    """The API of all servers here."""
    with HeldApi() as api:
        yield api


@pytest.fixture(scope="module")
def shared(held_api: HeldApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpJobs]:
    """A server of two runs at a time, which no test stops."""
    directory = tmp_path_factory.mktemp("shared")
    with running_http_jobs(directory, "--jobs", "2", **api_settings(held_api)) as server:
        yield server


def at_work(jobs: HttpJobs) -> list[UUID]:
    """List the days that are locked, whose names are made of theirs, or being written."""
    work = jobs.storage / ".work"
    return [UUID(path.name) for path in work.iterdir()] if work.exists() else []


def locked(jobs: HttpJobs) -> int:
    """Count the days whose requests were accepted."""
    return sum(name.version == 5 for name in at_work(jobs))


def hold(api: HeldApi, day: str) -> None:
    """Keep the runs of a day waiting from now on."""
    api.held[day] = Event()
    api.waiting.clear()


def release(api: HeldApi, day: str) -> None:
    api.held.pop(day).set()


def test_runs_go_side_by_side_and_the_rest_waits_in_order(
    shared: HttpJobs, held_api: HeldApi
) -> None:
    held_api.asked.clear()
    with ThreadPoolExecutor() as pool:
        answers = []
        for number, day in enumerate(DAYS, 1):
            hold(held_api, day)
            answers.append(pool.submit(shared.raw, day))
            wait_for("its lock", lambda number=number: locked(shared) >= number)  # type: ignore[misc]
            if number == 2:
                wait_for("two runs", lambda: set(held_api.asked) == set(DAYS[:2]))
        for day, answer, next_day in zip_longest(DAYS, answers, DAYS[2:]):
            release(held_api, day)
            assert answer.result().status_code == 201
            # Before the next one is let go: of two that begin together, either may ask first.
            wait_for("next", lambda day=next_day: day is None or day in held_api.asked)  # type: ignore[misc]
    assert held_api.asked[2:] == list(DAYS[2:])
    assert held_api.most_days == 2


def test_a_run_that_is_killed_is_500_and_failed_in_dagster_and_the_server_lives(
    shared: HttpJobs, held_api: HeldApi
) -> None:
    assert shared.raw(DAY).status_code == 201
    before = tree(shared.storage / "raw")
    hold(held_api, DAY)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(shared.raw, DAY)
        assert held_api.waiting.wait(60)
        [run] = shared.runs()
        os.kill(run, signal.SIGKILL)
        response = running.result()
    release(held_api, DAY)
    assert response.status_code == 500
    assert response.json()["run_id"] in response.json()["message"]
    assert shared.status_of(response) == dg.DagsterRunStatus.FAILURE
    assert tree(shared.storage / "raw") == before
    assert shared.raw(DAY).status_code == 201
    assert at_work(shared) == []


def test_two_servers_of_one_storage_do_not_write_a_day_at_once(
    shared: HttpJobs, held_api: HeldApi
) -> None:
    day = "2022-08-15"
    hold(held_api, day)
    directory = shared.storage.parent
    with (
        running_http_jobs(
            directory, "--only", "stg", name="second", **api_settings(held_api)
        ) as second,
        ThreadPoolExecutor() as pool,
    ):
        running = pool.submit(shared.raw, day)
        assert held_api.waiting.wait(60)
        refused = second.stg(day)
        release(held_api, day)
        assert running.result().status_code == 201
        assert refused.status_code == 409
        assert second.stg(day).status_code == 201


def test_a_server_that_is_killed_takes_its_runs_with_it_and_leaves_no_lock(
    held_api: HeldApi, tmp_path: Path
) -> None:
    settings = api_settings(held_api)
    hold(held_api, DAY)
    with ThreadPoolExecutor() as pool, running_http_jobs(tmp_path, **settings) as jobs:
        pool.submit(jobs.raw, DAY)
        assert held_api.waiting.wait(60)
        fork_server, [run] = jobs.fork_server(), jobs.runs()
        jobs.process.kill()
        wait_for("the end of all", lambda: not is_alive(fork_server) and not is_alive(run))
        release(held_api, DAY)
        with jobs.instance() as instance:
            [record] = instance.get_runs()
        assert record.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
    with running_http_jobs(tmp_path, name="again", **settings) as jobs:
        assert jobs.raw(DAY).status_code == 201
        assert at_work(jobs) == []


def test_runs_that_do_not_end_in_time_are_ended_when_the_server_stops(
    held_api: HeldApi, tmp_path: Path
) -> None:
    hold(held_api, DAYS[0])
    options = ("--jobs", "1", "--stop-within", "0.1")
    with (
        ThreadPoolExecutor() as pool,
        running_http_jobs(tmp_path, *options, **api_settings(held_api)) as jobs,
    ):
        running = pool.submit(jobs.raw, DAYS[0])
        assert held_api.waiting.wait(60)
        waiting = pool.submit(jobs.raw, DAYS[1])
        wait_for("both", lambda: locked(jobs) == 2)
        jobs.process.terminate()
        assert (running.result().status_code, waiting.result().status_code) == (503, 503)
        assert "stopped before the run had ended" in running.result().json()["message"]
        assert jobs.status_of(running.result()) in (
            dg.DagsterRunStatus.FAILURE,
            dg.DagsterRunStatus.CANCELED,
        )
        assert jobs.process.wait(30) == 0
    release(held_api, DAYS[0])
    assert not (tmp_path / "storage" / "raw").exists()


def test_ctrl_c_lets_runs_end(held_api: HeldApi, tmp_path: Path) -> None:
    hold(held_api, DAY)
    with (
        ThreadPoolExecutor() as pool,
        running_http_jobs(tmp_path, **api_settings(held_api)) as jobs,
    ):
        running = pool.submit(jobs.raw, DAY)
        assert held_api.waiting.wait(60)
        # A terminal sends it to all processes of the group.
        os.killpg(jobs.process.pid, signal.SIGINT)
        wait_for("the stop", lambda: jobs.raw(DAYS[0]).status_code == 503)
        release(held_api, DAY)
        assert running.result().status_code == 201
        assert jobs.process.wait(30) == 0


def test_a_server_without_stderr_runs(tmp_path: Path) -> None:
    with running_http_jobs(tmp_path, redirection="2>&-", SALES_API_URL="sample") as jobs:
        assert jobs.raw(DAY).status_code == 201
