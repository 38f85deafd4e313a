"""Ten clients of the HTTP jobs at once do all that clients do: days are whole, nothing is left."""

import datetime
import json
import os
import random
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import fastavro
import pytest
import requests

from sales_assets.sample.invented import rows_of_day
from sales_assets_tests.helpers.http_jobs_server import HttpJobs, running_http_jobs
from sales_assets_tests.helpers.programs import children, wait_for
from sales_assets_tests.helpers.rows import days_from

CLIENTS, REQUESTS = 10, 1000
DAYS = days_from("2023-01-01", 10)
# What clients ask for, and how often of a hundred times.
MIXTURE = {
    "raw": 40,
    "stg": 25,
    "no JSON": 8,
    "a directory that does not fit": 8,
    "no such path": 5,
    "health": 5,
    "half a request": 4,
    "hung up before the answer": 4,
    "killed": 1,
}


def ask(jobs: HttpJobs, what: str, day: str) -> int:
    """Be one client; give the status of the answer, 0 for none."""
    url = jobs.urls["raw_sales"]
    if what in ("half a request", "hung up before the answer"):
        send_and_leave(url, jobs.directory("raw", day), day, whole=what != "half a request")
        return 0
    asked: dict[str, Callable[[], requests.Response]] = {
        "raw": lambda: jobs.raw(day),
        "killed": lambda: jobs.raw(day),
        "stg": lambda: jobs.stg(day),
        "no JSON": lambda: requests.post(url, data="{", timeout=60),
        "a directory that does not fit": lambda: jobs.raw(day, raw_dir="/etc"),
        "no such path": lambda: requests.get(url + "nothing", timeout=60),
        "health": lambda: requests.get(url + "health", timeout=60),
    }
    return asked[what]().status_code


def send_and_leave(url: str, raw_dir: str, day: str, whole: bool) -> None:
    """Send a request, or half of it, and wait for no answer."""
    body = f'{{"date": "{day}", "raw_dir": "{raw_dir}"}}'.encode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    kind = "Content-Type: application/json\r\n\r\n"
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall((head + kind).encode() + (body if whole else body[:9]))


def kill_a_run(jobs: HttpJobs) -> None:
    for process in jobs.runs()[:1]:
        with suppress(ProcessLookupError):  # It may just have ended.
            os.kill(process, signal.SIGKILL)


def held(jobs: HttpJobs, temporary: Path) -> dict[str, object]:
    """What the server and its runs hold: processes, open files, temporary files, locks."""
    server, fork_server = jobs.process.pid, jobs.fork_server()
    return {
        "processes": sorted(children(server) + children(fork_server)),
        "files of the server": len(os.listdir(f"/proc/{server}/fd")),  # noqa: PTH208
        "files of the fork server": len(os.listdir(f"/proc/{fork_server}/fd")),  # noqa: PTH208
        "temporary files": sorted(temporary.iterdir()),
        "work and locks": sorted((jobs.storage / ".work").iterdir()),
    }


@pytest.mark.slow
def test_a_mixture_of_requests_leaves_days_whole_and_nothing_behind(tmp_path: Path) -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    wishes = chance.choices(list(MIXTURE), list(MIXTURE.values()), k=REQUESTS)
    # Short, since sockets are made in it.
    temporary = Path(tempfile.mkdtemp())
    variables = {"SALES_API_URL": "sample", "TMPDIR": str(temporary)}

    def client(what: str, day: str) -> tuple[str, int]:
        if what == "killed":
            killer.submit(kill_a_run, jobs)
        return what, ask(jobs, what, day)

    with (
        running_http_jobs(tmp_path, **variables) as jobs,
        ThreadPoolExecutor(CLIENTS) as clients,
        ThreadPoolExecutor(1) as killer,
    ):
        for day in DAYS:
            assert jobs.raw(day).status_code == 201
        before = held(jobs, temporary)
        answers = Counter(clients.map(client, wishes, chance.choices(DAYS, k=REQUESTS)))
        done = {key: n for key, n in answers.items() if key[0] in ("raw", "stg", "killed")}
        assert {status for _, status in done} <= {201, 409, 500}, answers
        failed = sum(n for (_, status), n in done.items() if status == 500)
        assert failed <= wishes.count("killed"), answers
        assert answers["raw", 201]
        assert answers["stg", 201]
        wait_for("the end of what was left alone", lambda: held(jobs, temporary) == before)
        for day in DAYS:
            # A run that its client has left alone may still have the day.
            wait_for(f"stg of {day}", lambda day=day: jobs.stg(day).status_code == 201)  # type: ignore[misc]
            rows = rows_of_day(datetime.date.fromisoformat(day))
            pages = Path(jobs.directory("raw", day)).iterdir()
            assert rows == sum(len(json.loads(page.read_bytes())) for page in pages)
            with Path(jobs.directory("stg", day), f"sales_{day}.avro").open("rb") as file:
                assert rows == len(list(fastavro.reader(file)))
        wait_for("the end of all of it", lambda: held(jobs, temporary) == before)
        assert jobs.stop() == 0
    assert list(temporary.iterdir()) == []
