"""Pulling as a service: other processes, real signals, one file."""

import json
import logging
import os
import random
import re
import signal
import sqlite3
import string
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sales_assets.rides.api import RidesApi
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.pull import RETRY_PAUSE, serve, store_when_back
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.commands import processes
from sales_assets_tests.helpers.rides_file import STATISTICS, by_hand, compute, sql, stored
from sales_assets_tests.helpers.rides_service import RidesServer, Service
from sales_assets_tests.helpers.rows import ride_answer

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[RidesServer]:
    """A running rides API."""
    with RidesServer() as running:
        yield running
        running.gate.set()


Pulling = Callable[..., Service]


@pytest.fixture
def pulling(
    environment: dict[str, str], tmp_path: Path, path: Path, server: RidesServer
) -> Iterator[Pulling]:
    """Starts `sales-assets pull-rides` as a user does, from that API into a file."""
    started: list[Service] = []

    def start(*arguments: str, **variables: str) -> Service:
        ours = {"RIDES_DB": str(path), "RIDES_API_URL": server.url}
        output = tmp_path / f"service {len(started)}"
        started.append(Service(output, arguments, {**environment, **ours, **variables}))
        return started[-1]

    yield start
    for service in started:
        service.process.kill()
        service.process.join()


def fails(service: Service, problem: str) -> None:
    """Wait for the end of a service; it must have said why."""
    status, output, log = service.wait()
    assert status == 1
    assert "stopped:" not in output
    assert re.search(problem, log)
    assert "Traceback" not in log


def serve_rides(url: str, path: str) -> None:
    """Be a service without pauses."""
    with RidesApi(url=url, backoff=0).open() as api:
        serve(api, RidesDatabase(path=path), 0)


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_kill_9_loses_no_ride_that_was_stored_and_leaves_a_sound_file(
    server: RidesServer, path: Path, kills: int
) -> None:
    draw = random.Random(kills)  # noqa: S311
    for kill in range(kills):
        url = f"{server.url}/{kill}"
        puller = processes.Process(target=serve_rides, args=(url, str(path)))
        puller.start()
        server.wait(draw.randint(1, 30))
        time.sleep(draw.random() * 0.004)
        os.kill(puller.pid or 0, signal.SIGKILL)
        puller.join()
        # What each puller asked for last may have been answered, but not yet stored.
        assert set(server.served) - stored(path) <= set(server.last_of.values())
        assert sql(path, "PRAGMA integrity_check") == [("ok",)]
        assert sql(path, "PRAGMA foreign_key_check") == []
    compute(path)
    assert by_hand(path) == sql(path, STATISTICS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_pause_of_the_service_at_once_and_cleanly(
    server: RidesServer, path: Path, pulling: Pulling, number: signal.Signals
) -> None:
    service = pulling("--interval", "3600")
    service.wait_until_it_says("new ride")
    status, output, log = service.end(number)
    assert status == 0, log
    assert "stopped: rides pulled: 1 (1 new, 0 updated), responses skipped: 0" in output
    assert "stopped before" not in log
    assert stored(path) == set(server.served)


def test_a_ride_in_hand_is_still_stored_when_a_signal_comes(
    server: RidesServer, path: Path, pulling: Pulling
) -> None:
    server.gate.clear()
    service = pulling()
    server.wait(1)
    service.process.terminate()
    server.gate.set()
    status, output, _ = service.wait()
    assert (status, stored(path)) == (0, set(server.served))
    assert "rides pulled: 1 " in output


def test_the_service_goes_on_after_answers_without_a_ride(
    server: RidesServer, path: Path, pulling: Pulling
) -> None:
    server.script.extend([Answer(500), Answer(body=b"{}"), Answer(404)])
    service = pulling("--interval", "0")
    server.wait(3)
    _, output, log = service.end()
    assert "responses skipped: 3" in output
    assert len(re.findall("WARNING skipped a response: HTTP", log)) == 3
    assert stored(path) == set(server.served)


def test_a_ride_waits_for_a_locked_database_with_pauses_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            locking.rollback()

    pauses: list[float] = []
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    with (
        RidesDatabase(path=str(path), busy_timeout=0).open() as store,
        closing(sqlite3.connect(path, isolation_level=None)) as locking,
    ):
        locking.execute("BEGIN IMMEDIATE")
        assert store_when_back(store, ride_answer("of made-up-word"), pause)
    assert pauses == [RETRY_PAUSE] * 3
    waits, back, new = [record.message for record in caplog.records]
    assert waits.startswith(
        f"ride of *** is waiting to be stored: the rides database {path} cannot be used (database"
    )
    assert (back, new) == (f"the rides database {path} is available again", "new ride of ***")


def test_a_locked_file_does_not_keep_the_service_from_stopping(
    server: RidesServer, path: Path, pulling: Pulling
) -> None:
    server.gate.clear()
    service = pulling()
    server.wait(1)
    with closing(sqlite3.connect(path, isolation_level=None)) as locking:
        locking.execute("BEGIN IMMEDIATE")
        server.gate.set()
        status, output, log = service.end()
    assert status == 0
    assert "stopped: rides pulled: 0 " in output
    assert "stopped before the current ride was received and stored" in log


def test_a_postgres_that_hangs_does_not_keep_the_service_from_stopping(
    server: RidesServer, pulling: Pulling, postgres: str
) -> None:
    server.gate.clear()
    service = pulling(RIDES_DB=postgres)
    server.wait(1)
    backend = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
    [(pid,)] = sql(postgres, f"{backend} AND pid <> pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    try:
        server.gate.set()
        status, _, log = service.end()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert status == 0
    assert "stopped before the current ride was received and stored" in log


@pytest.mark.parametrize("times", [1, pytest.param(100, marks=pytest.mark.soak)])
def test_a_file_that_is_moved_while_services_pull_loses_no_ride(
    server: RidesServer, path: Path, pulling: Pulling, times: int
) -> None:
    services = [pulling("--interval", "0") for _ in range(2)]
    server.wait(5)
    files = [path]
    for number in range(times):
        server.wait(3)
        time.sleep(number % 10 / 1000)
        if path.exists():
            files.append(path.rename(path.with_name(f"moved {number}.db")))
    server.wait(10)
    assert [service.end()[0] for service in services] == [0, 0]
    # One may have been moved before its tables were made.
    table = "SELECT 1 FROM sqlite_master WHERE name = 'rides'"
    assert set().union(*(stored(file) for file in files if sql(file, table))) == set(server.served)
    for file in files:
        assert sql(file, "PRAGMA integrity_check") == [("ok",)]


def test_a_damaged_file_stops_the_service_with_an_error(
    server: RidesServer, path: Path, pulling: Pulling
) -> None:
    service = pulling("--interval", "0")
    server.wait(5)
    path.write_bytes(b"no database" * 9999)
    fails(service, f"Error: the rides database {path}.*damaged")


def test_the_service_reads_dot_env_and_says_what_is_wrong_with_its_settings(
    tmp_path: Path, pulling: Pulling
) -> None:
    fails(pulling(RIDES_DB=str(tmp_path)), "set RIDES_DB to another path")
    (tmp_path / ".env").write_text("RIDES_API_URL=nowhere\n")
    fails(pulling(), "RIDES_API_URL is 'nowhere'; expected an address")


def test_services_store_in_postgres_all_rides_that_it_can_hold(
    server: RidesServer, pulling: Pulling, postgres: str
) -> None:
    draw = random.Random(8)  # noqa: S311
    too_long = "".join(draw.choices(string.ascii_letters, k=8000))
    for ride in ("a\0b", too_long):
        server.script.append(Answer(body=json.dumps(ride_answer(ride)).encode()))
    started = [pulling("--interval", "0", RIDES_DB=postgres) for _ in range(2)]
    for service in started:
        service.wait_until_it_says("storing rides in")
    server.wait(20)
    ended = [service.end() for service in started]
    assert [status for status, _, _ in ended] == [0, 0]
    assert stored(postgres) == set(server.served)
    log = "".join(log for _, _, log in ended)
    assert len(re.findall("WARNING skipped .*: Postgres cannot store text with a NUL", log)) == 1
    assert len(re.findall(r"WARNING skipped .*\(index row .* do not fit", log)) == 1
    assert "storing rides in postgresql://dagster:***@" in log
    assert "word" not in log


def test_a_postgres_that_is_away_is_waited_for_and_both_are_said_once(
    server: RidesServer, pulling: Pulling, postgres: str
) -> None:
    service = pulling("--interval", "0", RIDES_DB=postgres)
    server.wait(5)
    others, _, name = postgres.rpartition("/")
    sql(
        f"{others}/postgres",
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",  # noqa: S608
    )
    service.wait_until_it_says(" is waiting to be stored: the rides database")
    sql(f"{others}/postgres", f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    service.wait_until_it_says(" is available again")
    server.wait(5)
    status, _, log = service.end()
    assert status == 0
    assert (log.count(" is waiting to be stored: "), log.count(" is available again")) == (1, 1)
    assert stored(postgres) == set(server.served)


def test_a_server_that_is_not_there_stops_the_service_and_its_password_stays_secret(
    pulling: Pulling,
) -> None:
    lost = pulling(RIDES_DB="postgres://me:hush@127.0.0.1:9/rides")
    address = r"postgresql://me:\*\*\*@127.0.0.1:9/rides"
    fails(lost, f"Error: the rides database {address} cannot be used .*check the server")
    assert "hush" not in lost.log
