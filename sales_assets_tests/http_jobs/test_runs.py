"""Runs side by side, their order, and what is left when a process is killed."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import zip_longest
from pathlib import Path
from shutil import rmtree
from threading import Event
from urllib.parse import urlsplit
from uuid import UUID

import dagster as dg
import pytest
import requests
from dagster._core.test_utils import create_run_for_test

from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.http_jobs_server import (
    HeldApi,
    HttpJobs,
    api_settings,
    running_http_jobs,
)
from sales_assets_tests.helpers.programs import is_alive, wait_for
from sales_assets_tests.helpers.rows import days_from

pytestmark = pytest.mark.slow

STARTED, FAILURE = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
DAY = "2022-08-09"
DAYS = ("2022-08-10", "2022-08-11", "2022-08-12", "2022-08-13")


@pytest.fixture(scope="module")
def shared(held_api: HeldApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpJobs]:
    """A server of two runs at a time, which no test stops."""
    directory = tmp_path_factory.mktemp("shared")
    with running_http_jobs(directory, "--jobs", "2", **api_settings(held_api)) as server:
        yield server


def at_work(jobs: HttpJobs) -> list[Path]:
    """List the locks of days, and the places where days are being written."""
    work = jobs.storage / ".work"
    return [*work.iterdir()] if work.exists() else []


def locks(jobs: HttpJobs) -> list[Path]:
    """List the locks of the days whose requests were accepted: their names are made of those."""
    return [path for path in at_work(jobs) if UUID(path.name).version == 5]


def hold(api: HeldApi, day: str) -> None:
    """Keep the runs of a day waiting from now on."""
    api.held[day] = Event()
    api.waiting.clear()


def release(api: HeldApi, day: str) -> None:
    api.held.pop(day, Event()).set()


@contextmanager
def held_run(api: HeldApi, jobs: HttpJobs, day: str = DAY) -> Iterator["Future[requests.Response]"]:
    """Have a run that waits for the API until the day is released."""
    hold(api, day)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(jobs.raw, day)
        try:
            assert api.waiting.wait(60)
            yield running
        finally:
            release(api, day)


def statuses(jobs: HttpJobs) -> dict[str, dg.DagsterRunStatus]:
    """Give the status of the last run of each day."""
    with jobs.instance() as instance:
        runs = instance.get_runs(ascending=True)
        return {run.tags["dagster/partition"]: run.status for run in runs}


def test_runs_go_side_by_side_and_the_rest_waits_in_order(
    shared: HttpJobs, held_api: HeldApi
) -> None:
    held_api.asked.clear()
    with ThreadPoolExecutor() as pool:
        answers = []
        for number, day in enumerate(DAYS, 1):
            hold(held_api, day)
            answers.append(pool.submit(shared.raw, day))
            wait_for("its lock", lambda number=number: len(locks(shared)) >= number)  # type: ignore[misc]
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
    with held_run(held_api, shared) as running:
        [run] = shared.runs()
        os.kill(run, signal.SIGKILL)
        response = running.result()
    assert response.status_code == 500
    assert response.json()["run_id"] in response.json()["message"]
    assert shared.status_of(response) == FAILURE
    assert tree(shared.storage / "raw") == before
    assert shared.raw(DAY).status_code == 201
    assert at_work(shared) == []


@pytest.mark.parametrize(
    ("change", "status"),
    [(lambda lock: (lock / ".DS_Store").touch(), 201), (lambda lock: rmtree(lock.parent), 409)],
    ids=["a file in the lock", "no work directory"],
)
def test_what_somebody_else_does_in_the_work_directory_is_no_fault_of_the_server(
    shared: HttpJobs, held_api: HeldApi, change: Callable[[Path], object], status: int
) -> None:
    with held_run(held_api, shared) as running:
        [lock] = locks(shared)
        change(lock)
        release(held_api, DAY)
        assert running.result().status_code == status
    assert shared.raw(DAY).status_code == 201
    assert at_work(shared) == []


def test_two_servers_of_one_storage_do_not_write_a_day_at_once(
    shared: HttpJobs, held_api: HeldApi
) -> None:
    directory, settings = shared.storage.parent, api_settings(held_api)
    with (
        held_run(held_api, shared) as running,
        running_http_jobs(directory, "--only", "stg", name="second", **settings) as second,
    ):
        for refused in (shared.raw(DAY), shared.stg(DAY), second.stg(DAY)):
            assert refused.status_code == 409
            assert "another request" in refused.json()["message"]
        release(held_api, DAY)
        assert running.result().status_code == 201
        assert second.stg(DAY).status_code == 201


def test_a_server_that_is_killed_takes_its_runs_with_it_and_leaves_no_lock(
    held_api: HeldApi, tmp_path: Path
) -> None:
    settings = api_settings(held_api)
    with running_http_jobs(tmp_path, **settings) as jobs, held_run(held_api, jobs):
        fork_server, [run] = jobs.fork_server(), jobs.runs()
        os.kill(jobs.process.pid, signal.SIGKILL)
        wait_for("the end of all", lambda: not is_alive(fork_server) and not is_alive(run))
        assert statuses(jobs) == {DAY: FAILURE}
    with running_http_jobs(tmp_path, name="again", **settings) as jobs:
        assert jobs.raw(DAY).status_code == 201
        assert at_work(jobs) == []


def test_what_a_server_left_that_was_killed_with_its_runs_has_failed_at_the_next_start(
    held_api: HeldApi, tmp_path: Path
) -> None:
    settings = api_settings(held_api)
    with (
        running_http_jobs(tmp_path, **settings) as killed,
        running_http_jobs(tmp_path, name="living", **settings) as living,
        held_run(held_api, killed, DAYS[0]),
        held_run(held_api, living, DAYS[1]) as running,
    ):
        [run] = killed.runs()
        # So that it cannot notice.
        os.kill(run, signal.SIGSTOP)
        for process in (killed.process.pid, killed.fork_server(), run):
            os.kill(process, signal.SIGKILL)
        assert statuses(living) == {DAYS[0]: STARTED, DAYS[1]: STARTED}
        with running_http_jobs(tmp_path, name="again", **settings) as again:
            assert statuses(living) == {DAYS[0]: FAILURE, DAYS[1]: STARTED}
            release(held_api, DAYS[0])
            assert again.raw(DAYS[0]).status_code == 201
        release(held_api, DAYS[1])
        assert running.result().status_code == 201


def test_a_run_of_the_server_that_was_started_again_in_dagster_is_left_alone(
    held_api: HeldApi, tmp_path: Path
) -> None:
    with running_http_jobs(tmp_path, **api_settings(held_api)) as jobs:
        assert jobs.raw(DAYS[0]).status_code == 201
        jobs.stop()
        with jobs.instance() as instance:
            [run] = instance.get_runs()
            first = run.run_id
            create_run_for_test(
                instance, status=STARTED, tags=run.tags, parent_run_id=first, root_run_id=first
            )
        with running_http_jobs(tmp_path, name="next", **api_settings(held_api)):
            assert statuses(jobs) == {DAYS[0]: STARTED}


@pytest.mark.parametrize("hangs", [False, True], ids=["busy", "hanging"])
def test_runs_that_do_not_end_in_time_are_killed_when_the_server_stops(
    held_api: HeldApi, tmp_path: Path, hangs: bool
) -> None:
    options = ("--jobs", "1", "--stop-within", "0.1")
    with (
        ThreadPoolExecutor() as pool,
        running_http_jobs(tmp_path, *options, **api_settings(held_api)) as jobs,
        held_run(held_api, jobs) as running,
    ):
        waiting = pool.submit(jobs.raw, DAYS[1])
        wait_for("both", lambda: len(locks(jobs)) == 2)
        [run] = jobs.runs()
        if hangs:
            os.kill(run, signal.SIGSTOP)
        jobs.process.terminate()
        assert (running.result().status_code, waiting.result().status_code) == (503, 503)
        assert "stopped before the run ended" in running.result().json()["message"]
        assert jobs.status_of(running.result()) == FAILURE
        assert jobs.process.wait(60) == 0
        assert not is_alive(run)
    assert not (tmp_path / "storage" / "raw").exists()


def test_a_fork_server_that_hangs_does_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    options = ("--stop-within", "0.1")
    with (
        ThreadPoolExecutor() as pool,
        running_http_jobs(tmp_path, *options, SALES_API_URL="sample") as jobs,
    ):
        fork_server = jobs.fork_server()
        os.kill(fork_server, signal.SIGSTOP)
        pool.submit(jobs.raw, DAY)
        wait_for("its lock", lambda: locks(jobs))
        jobs.process.terminate()
        assert jobs.process.wait(60) == 1
        os.kill(fork_server, signal.SIGKILL)


def test_a_fork_server_that_is_killed_is_started_again(shared: HttpJobs) -> None:
    fork_server = shared.fork_server()
    os.kill(fork_server, signal.SIGKILL)
    wait_for("its end", lambda: not is_alive(fork_server))
    assert shared.raw(DAY).status_code == 201


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_on_sigterm_and_ctrl_c_what_runs_gets_its_answer_and_what_comes_gets_503(
    held_api: HeldApi, tmp_path: Path, number: signal.Signals
) -> None:
    with (
        running_http_jobs(tmp_path, **api_settings(held_api)) as jobs,
        held_run(held_api, jobs) as running,
    ):
        # A terminal sends Ctrl-C to all processes of the group.
        (os.killpg if number == signal.SIGINT else os.kill)(jobs.process.pid, number)
        wait_for("503", lambda: jobs.raw(DAYS[0]).status_code == 503)
        refused = jobs.raw(DAYS[0])
        assert refused.headers["Content-Type"] == "application/json"
        assert "stopping" in refused.json()["message"]
        assert requests.get(f"{jobs.urls['stg_sales']}health", timeout=30).status_code == 503
        assert not running.done()
        release(held_api, DAY)
        assert running.result().status_code == 201
        assert jobs.process.wait(60) == 0
    assert f"raw/sales/{DAY}/sales_{DAY}_1.json" in tree(jobs.storage)


def test_60_jobs_and_500_idle_connections_do_not_keep_health_from_answering(
    held_api: HeldApi, tmp_path: Path
) -> None:
    days = days_from(DAY, 61)
    for day in days:
        hold(held_api, day)
    with (
        ThreadPoolExecutor(60) as pool,
        ExitStack() as stack,
        running_http_jobs(tmp_path, **api_settings(held_api)) as jobs,
    ):
        stack.callback(jobs.process.kill)
        for number, day in enumerate(days[:60]):
            pool.submit(jobs.raw if number % 2 else jobs.stg, day)
        wait_for("60 jobs", lambda: len(locks(jobs)) == 60)
        for _ in range(500):
            for url in jobs.urls.values():
                place = ("127.0.0.1", urlsplit(url).port)
                stack.enter_context(socket.create_connection(place, timeout=30))
        for url in jobs.urls.values():
            assert requests.get(f"{url}health", timeout=60).status_code == 200
        refused = jobs.raw(days[60])
        assert (refused.status_code, "60 requests" in refused.text) == (503, True)


def test_a_server_without_stderr_runs(tmp_path: Path) -> None:
    with running_http_jobs(tmp_path, redirection="2>&-", SALES_API_URL="sample") as jobs:
        assert jobs.raw(DAY).status_code == 201
