"""Pulling as a service: other processes, real signals, one file."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sales_assets.rides.api import RidesApi
from sales_assets.rides.database import RidesDatabase
from sales_assets.rides.pull import serve
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.forkserver import processes
from sales_assets_tests.helpers.rides_file import BY_HAND, STATISTICS, compute, sql
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi


class RidesServer(ScriptedApi):
    """A rides API that knows which rides it has answered, below any path.

    Attributes:
        served: The rides in the order of the calls.
        last_of: The last ride asked for below each path.
        gate: While it is closed, a call gets no answer.
    """

    def __init__(self) -> None:
        """Answer at once."""
        super().__init__()
        self.served: list[str] = []
        self.last_of: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()
        self._lock = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer from the script first."""
        with self._lock:
            if self.script:
                return self.script.popleft()
            number = len(self.served) + 1
            # Every driver has many rides, and every tenth ride comes again.
            ride = str(number - (number % 10 == 0))
            self.served.append(ride)
            self.last_of[path] = ride
        self.gate.wait(60)
        answer = ride_answer(ride, f"d{number % 7}", distance=number / 7)
        return Answer(body=json.dumps(answer).encode())


@pytest.fixture
def server() -> Iterator[RidesServer]:
    """A running rides API."""
    with RidesServer() as running:
        yield running
        running.gate.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database will be."""
    return tmp_path / "rides.db"


def until(ready: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def stored(path: Path) -> set[str]:
    """Give the ids of the rides in the file."""
    return {ride for (ride,) in sql(path, "SELECT ride_uuid FROM rides")}


def holds_rides(path: Path) -> bool:
    """Tell whether a file is there, has its tables, and a ride in them."""
    made = "SELECT 1 FROM sqlite_master WHERE name = 'driver_statistics'"
    return path.exists() and bool(sql(path, made)) and bool(stored(path))


def serve_rides(url: str, path: str) -> None:
    """Be a service without pauses."""
    with RidesApi(url=url, backoff=0).open() as api:
        serve(api, RidesDatabase(path=path), 0)


def kill_pullers(server: RidesServer, path: Path, kills: int) -> None:
    """Kill a service again and again, and look after each time at what it left."""
    draw = random.Random(kills)  # noqa: S311
    for kill in range(kills):
        url = f"{server.url}/{kill}"
        puller = processes.Process(target=serve_rides, args=(url, str(path)))
        puller.start()
        end = len(server.served) + draw.randint(1, 30)
        until(lambda end=end: len(server.served) >= end)  # type: ignore[misc]
        time.sleep(draw.random() * 0.004)
        os.kill(puller.pid or 0, signal.SIGKILL)
        puller.join()
        # What each puller asked for last may have been answered, but not yet stored.
        assert set(server.served) - stored(path) <= set(server.last_of.values())
        assert sql(path, "PRAGMA integrity_check") == [("ok",)]
        assert sql(path, "PRAGMA foreign_key_check") == []
    with RidesDatabase(path=str(path)).open() as store:
        compute(store)
        assert store.disagreeing_drivers() == []
    assert sql(path, BY_HAND) == sql(path, STATISTICS)


def test_kill_9_loses_no_ride_that_was_stored_and_leaves_a_sound_file(
    server: RidesServer, path: Path
) -> None:
    kill_pullers(server, path, 12)


@pytest.mark.soak
def test_kill_9_two_hundred_times(server: RidesServer, path: Path) -> None:
    kill_pullers(server, path, 200)


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path, path: Path) -> Iterator[Start]:
    """Start `sales-assets pull-rides ...` as a user does; what still runs in the end is killed."""
    started = []

    def run(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(  # noqa: S603 - our own command
                [
                    sys.executable,
                    "-c",
                    "from sales_assets.cli import main; main(prog_name='sales-assets')",
                    "pull-rides",
                    *arguments,
                ],
                cwd=tmp_path,
                env={**environment, "RIDES_DB": str(path), **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[str, str]:
    """Send a signal, and give what was written until the end."""
    process.send_signal(number)
    return process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_pause_of_the_service_at_once_and_cleanly(
    server: RidesServer, path: Path, start: Start, number: signal.Signals
) -> None:
    service = start("--interval", "3600", RIDES_API_URL=server.url)
    until(lambda: holds_rides(path))
    output, log = end(service, number)
    assert service.returncode == 0, log
    assert "stopped: 1 rides pulled (1 new, 0 updated), 0 answers skipped" in output
    assert "stopped before" not in log
    assert stored(path) == set(server.served)


def test_a_ride_in_hand_is_still_stored_when_a_signal_comes(
    server: RidesServer, path: Path, start: Start
) -> None:
    server.gate.clear()
    service = start(RIDES_API_URL=server.url)
    until(lambda: server.served)
    service.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    server.gate.set()
    output, _ = service.communicate(timeout=30)
    assert (service.returncode, stored(path)) == (0, set(server.served))
    assert "1 rides pulled" in output


def test_a_server_that_does_not_answer_does_not_keep_the_service_from_stopping(
    server: RidesServer, start: Start
) -> None:
    server.gate.clear()
    service = start(RIDES_API_URL=server.url)
    until(lambda: server.served)
    output, log = end(service, signal.SIGTERM)
    assert service.returncode == 0
    assert "0 rides pulled" in output
    assert "stopped before the answer in hand was there" in log
    assert "Traceback" not in log


def test_the_service_goes_on_after_answers_that_are_no_rides(
    server: RidesServer, path: Path, start: Start
) -> None:
    server.script.extend([Answer(500), Answer(body=b"{}"), Answer(404)])
    service = start("--interval", "0", RIDES_API_URL=server.url)
    until(lambda: len(server.served) >= 3)
    output, log = end(service, signal.SIGTERM)
    assert "3 answers skipped" in output
    assert len(re.findall("WARNING skipped an answer that is no ride: HTTP", log)) == 3
    assert stored(path) == set(server.served)


def test_while_the_database_is_locked_the_ride_in_hand_waits(
    server: RidesServer, path: Path
) -> None:
    database = RidesDatabase(path=str(path), busy_timeout=0.05)
    with database.open() as store, store.transaction():
        locked = processes.Process(target=serve_patiently, args=(server.url, str(path)))
        locked.start()
        until(lambda: server.served)
        time.sleep(0.3)
        assert len(server.served) == 1
    until(lambda: len(server.served) >= 3)
    os.kill(locked.pid or 0, signal.SIGTERM)
    locked.join(30)
    assert locked.exitcode == 0
    assert stored(path) == set(server.served)


def serve_patiently(url: str, path: str) -> None:
    """Be a service that notices a lock soon."""
    with RidesApi(url=url).open() as api:
        serve(api, RidesDatabase(path=path, busy_timeout=0.05), 0.01)


def test_the_service_says_what_is_wrong_with_its_settings(tmp_path: Path, start: Start) -> None:
    broken = start(RIDES_API_URL="nowhere")
    assert "RIDES_API_URL is not an address" in broken.communicate(timeout=30)[1]
    lost = start(RIDES_DB=str(tmp_path))
    assert "RIDES_DB has to name a file" in lost.communicate(timeout=30)[1]
    assert (broken.returncode, lost.returncode) == (1, 1)


def test_the_service_reads_the_settings_in_the_file_env_as_dagster_does(
    server: RidesServer, tmp_path: Path, start: Start
) -> None:
    (tmp_path / ".env").write_text(f"RIDES_API_URL={server.url}\nRIDES_DB=named_there.db\n")
    service = start()
    until(lambda: server.served)
    end(service, signal.SIGTERM)
    assert stored(tmp_path / "named_there.db") == set(server.served)


def test_without_a_rides_api_the_service_says_that_its_rides_are_invented(
    path: Path, start: Start
) -> None:
    service = start("--interval", "0")
    until(lambda: holds_rides(path))
    _, log = end(service, signal.SIGTERM)
    assert "INVENTED rides" in log


def test_two_services_and_a_dagster_run_use_one_file_at_once(
    server: RidesServer, path: Path, start: Start, dagster: Command
) -> None:
    services = [start("--interval", "0", RIDES_API_URL=server.url) for _ in range(2)]
    run = dagster(
        *("asset", "materialize", "-m", "sales_assets.definitions"),
        *("--select", "rides,driver_statistics"),
        RIDES_API_URL=server.url,
        RIDES_DB=str(path),
    )
    assert run.returncode == 0, run.stderr
    for service in services:
        _, log = end(service, signal.SIGTERM)
        assert service.returncode == 0, log
        assert Counter(re.findall("WARNING|ERROR|Traceback", log)) == {}
    assert stored(path) == set(server.served)
