"""How the servers of the HTTP jobs start and stop, and whom they let in."""

import datetime
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest
import requests

from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.http_jobs_server import (
    HeldApi,
    HttpJobs,
    api_settings,
    running_http_jobs,
)
from sales_assets_tests.helpers.waiting import wait_for

pytestmark = pytest.mark.slow

DAY = "2022-08-09"
TOKEN = "some-words"  # noqa: S105
START = ("-m", "sales_assets.cli", "http-jobs", "--raw-port", "0", "--stg-port", "0")

SMALL = """
import sys, threading
from sales_assets.http_jobs.server import HttpServer, Limits

released = threading.Event()
def app(environ, start_response):
    if environ["PATH_INFO"] == "/held":
        released.wait()
    if environ["PATH_INFO"] == "/release":
        released.set()
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
limits = Limits(seconds=float(sys.argv[1]), connections=int(sys.argv[2]))
server = HttpServer("127.0.0.1", threads=4, limits=limits)
print(server.listen(app, 0), flush=True)
server.run(lambda: None, lambda: None, 5)
"""
Connect = Callable[[], socket.socket]


@contextmanager
def small_server(seconds: float, connections: int) -> Iterator[Connect]:
    """Run the server with a small application; give what connects to it."""
    command = [sys.executable, "-c", SMALL, str(seconds), str(connections)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603
        ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdout is not None
        port = int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))

        yield connect


def get(connection: socket.socket, path: str = "/") -> bytes:
    """Ask for something; the connection stays open."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return answer(connection)


def answer(connection: socket.socket) -> bytes:
    """Receive what the small application says."""
    received = b""
    while not received.endswith(b"\r\n\r\nok"):
        more = connection.recv(1000)
        assert more, "closed"
        received += more
    return received


def is_closed_while_dripping(connection: socket.socket, data: Iterator[bytes]) -> bool:
    """Send byte after byte, until the other end closes the connection."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([connection], [], [], 0.02)[0]:
            try:
                return connection.recv(1000) == b""
            except ConnectionResetError:
                return True
        if byte := next(data, b""):
            connection.sendall(byte)
    return False


def bytes_of(*parts: bytes) -> Iterator[bytes]:
    return (bytes([byte]) for part in parts for byte in part)


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("at_once", "dripping"),
    [
        (b"", b""),
        (HEAD, b""),
        (b"", HEAD + b"X: " + b"x" * 10_000),
        (HEAD + b"Content-Length: 10000\r\n\r\n", b" " * 9_999),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 2_000),
    ],
    ids=["silence", "half of the headers", "headers", "a body", "chunks"],
)
def test_a_request_that_does_not_come_in_whole_is_given_up(at_once: bytes, dripping: bytes) -> None:
    with small_server(seconds=0.5, connections=10) as connect:
        connection = connect()
        connection.sendall(at_once)
        assert is_closed_while_dripping(connection, bytes_of(dripping))


def test_a_request_that_is_worked_on_for_longer_is_not_given_up() -> None:
    with small_server(seconds=0.3, connections=10) as connect:
        busy = connect()
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        assert is_closed_while_dripping(connect(), bytes_of())
        assert get(connect(), "/release").startswith(b"HTTP/1.1 200")
        assert answer(busy).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
def test_of_too_many_connections_the_one_that_is_idle_for_the_longest_goes() -> None:
    with small_server(seconds=600, connections=3) as connect:
        busy = connect()
        busy.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        first, second, third = connect(), None, None
        assert get(first)
        second = connect()
        assert get(second)
        # So that the second is now the one that is idle for longer. More than once: the thread that
        # has answered it may not be done with it yet, and what is worked on is not idle.
        for _ in range(20):
            assert get(first)
        third = connect()
        assert get(third)
        assert is_closed_while_dripping(second, bytes_of())
        assert get(first)
        assert get(third, "/release")
        assert answer(busy).startswith(b"HTTP/1.1 200")


@pytest.fixture
def held_api() -> Iterator[HeldApi]:
    """The API of the servers here."""
    with HeldApi() as api:
        yield api


@pytest.fixture
def jobs(held_api: HeldApi, tmp_path: Path) -> Iterator[HttpJobs]:
    """Running servers that ask for a token."""
    with running_http_jobs(tmp_path, SALES_HTTP_TOKEN=TOKEN, **api_settings(held_api)) as server:
        yield server


@pytest.fixture(scope="module")
def guarded_jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpJobs]:
    """Running servers likewise, which no test stops."""
    directory = tmp_path_factory.mktemp("guarded")
    settings = {"SALES_HTTP_TOKEN": TOKEN, "SALES_API_URL": "sample"}
    with running_http_jobs(directory, **settings) as server:
        yield server


def post(
    jobs: HttpJobs, authorization: str | None = f"Bearer {TOKEN}", day: str = DAY
) -> requests.Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = {"date": day, "raw_dir": jobs.directory("raw", day)}
    return requests.post(jobs.urls["raw_sales"], json=body, headers=headers, timeout=60)


def test_on_sigterm_what_runs_gets_its_answer_and_what_comes_gets_503(
    jobs: HttpJobs, held_api: HeldApi
) -> None:
    held_api.held[DAY] = Event()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(post, jobs)
        try:
            assert held_api.waiting.wait(30)
            jobs.process.terminate()
            wait_for("503", lambda: post(jobs).status_code == 503)
            refused = post(jobs)
            assert refused.headers["Content-Type"] == "application/json"
            assert "stopping" in refused.json()["message"]
            assert requests.get(f"{jobs.urls['stg_sales']}health", timeout=30).status_code == 503
            assert not running.done()
        finally:
            held_api.held.pop(DAY).set()
        assert running.result().status_code == 201
    assert jobs.process.wait(30) == 0
    assert f"raw/sales/{DAY}/sales_{DAY}_1.json" in tree(jobs.storage)


@pytest.mark.slow
def test_60_jobs_and_500_idle_connections_do_not_keep_health_from_answering(
    jobs: HttpJobs, held_api: HeldApi
) -> None:
    first = datetime.date.fromisoformat(DAY)
    days = [f"{first + datetime.timedelta(number)}" for number in range(61)]
    held_api.held.update({day: Event() for day in days})
    port = int(jobs.urls["raw_sales"].rstrip("/").rpartition(":")[2])
    with ThreadPoolExecutor(60) as pool, ExitStack() as stack:
        stack.callback(jobs.process.kill)
        for day in days[:60]:
            pool.submit(post, jobs, day=day)
        locks = jobs.storage / ".work"
        wait_for("60 jobs", lambda: locks.exists() and len(list(locks.iterdir())) >= 60)
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        for url in jobs.urls.values():
            assert requests.get(f"{url}health", timeout=30).status_code == 200
        refused = post(jobs, day=days[60])
        assert (refused.status_code, "60 requests" in refused.text) == (503, True)


@pytest.mark.slow
def test_an_idle_connection_does_not_hold_up_the_stop(jobs: HttpJobs) -> None:
    with requests.Session() as session:
        assert session.get(f"{jobs.urls['raw_sales']}health", timeout=30).status_code == 200
        assert jobs.stop() == 0


@pytest.mark.parametrize(
    "authorization", [None, "", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer other-words", "Bearer é"]
)
def test_a_request_without_the_token_is_401_and_the_token_is_shown_nowhere(
    guarded_jobs: HttpJobs, authorization: str | None
) -> None:
    response = post(guarded_jobs, authorization and authorization.encode().decode("latin-1"))
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "SALES_HTTP_TOKEN" in response.json()["message"]
    assert TOKEN not in response.text + guarded_jobs.log.read_text()


def test_a_request_with_the_token_is_let_in(guarded_jobs: HttpJobs) -> None:
    assert post(guarded_jobs).status_code == 201


def test_the_description_asks_for_the_token(guarded_jobs: HttpJobs) -> None:
    document = requests.get(f"{guarded_jobs.urls['raw_sales']}openapi.json", timeout=30).json()
    assert document["paths"]["/"]["post"]["security"] == [{"token": []}]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_listening_beyond_loopback_takes_a_token(python: Command, host: str) -> None:
    result = python(*START, "--host", host)
    assert result.returncode == 2
    assert "set SALES_HTTP_TOKEN" in result.stderr


@pytest.mark.parametrize("token", ["two words", "two\nlines", "t\u00f6ken"])
def test_a_token_that_no_client_can_send_is_refused_and_not_shown(
    python: Command, token: str
) -> None:
    result = python(*START, SALES_HTTP_TOKEN=token)
    assert result.returncode == 2
    assert "SALES_HTTP_TOKEN" in result.stderr
    assert token not in result.stderr


def test_a_relative_root_is_refused(python: Command) -> None:
    result = python(*START, SALES_HTTP_ROOTS="/data:my_dir")
    assert result.returncode == 2
    assert "root my_dir" in result.stderr


def test_a_storage_that_is_not_a_local_path_takes_a_root(python: Command) -> None:
    result = python(*START, BASE_DIR="memory://sales")
    assert result.returncode == 2
    assert "SALES_HTTP_ROOTS" in result.stderr


def test_a_dagster_home_that_is_not_there_is_refused(python: Command, tmp_path: Path) -> None:
    result = python(*START, DAGSTER_HOME=str(tmp_path / "nowhere"))
    assert result.returncode == 2
    assert "DAGSTER_HOME" in result.stderr


def test_a_port_that_is_taken_is_named(python: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = python(*START, "--raw-port", str(port))
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr


def test_the_settings_of_a_dot_env_are_read(python: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SALES_HTTP_ROOTS=from_dot_env\n")
    assert "root from_dot_env" in python(*START).stderr
