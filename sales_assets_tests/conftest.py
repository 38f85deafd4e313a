"""What the tests share: a scripted sales API on a real socket, and real Dagster instances."""

import datetime
import functools
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from sales_assets.sales.api import SalesApi
from sales_assets.sample.api import Answer, SampleApi
from sales_assets.sample.faults import Fault, Faults

if TYPE_CHECKING:
    from sales_assets_tests.helpers.pipeline import Pipeline

PROJECT = Path(__file__).parents[1]
DAY = "2022-08-09"


def sale(**changes: Any) -> dict[str, Any]:
    """Give a good sale of `DAY`, with some fields changed."""
    good = {"client": "Ada Byron", "purchase_date": DAY, "product": "TV", "price": 900}
    return {**good, **changes}


def page(*sales: Any) -> bytes:
    """Encode sales as the API does."""
    return json.dumps(sales).encode()


def ride_answer(ride: str = "r1", driver: str = "d1", **changes: Any) -> Any:
    """Give a good answer of the rides API, with some fields of the ride changed."""
    return {
        "ride": {
            "ride_uuid": ride,
            "user_uuid": "u1",
            "driver_uuid": driver,
            "distance": 2.5,
            "price": 7.0,
            **changes,
        },
        "driver": {
            "driver_uuid": driver,
            "name": "Ada",
            "surname": "Byron",
            "car_uuid": "c1",
            "effective_from": "2020-01-01",
            "expiry_date": "2030-01-01",
        },
        "user": {"user_uuid": "u1", "name": "Bob", "surname": "Babbage", "is_driver": False},
    }


class ScriptedApi(SampleApi):
    """The sample API with chosen pages, and a memory.

    Attributes:
        days: Pages by day; a day that is not there has none.
        script: Answers for the next requests, whatever they ask for.
        requests: The paths asked for so far.
        most_at_once: How many requests were under way at the same time, at most.
    """

    def __init__(self) -> None:
        """Serve no day yet."""
        super().__init__(page=self._page)
        self.days: dict[str, list[bytes]] = {}
        self.script: deque[Answer] = deque()
        self.requests: list[str] = []
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Remember the request, and answer it."""
        with self._lock:
            self.requests.append(path)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        answer = self.script.popleft() if self.script else super().answer(path, headers)
        with self._lock:
            self._under_way -= 1
        return answer

    def fail(self, **fault: Any) -> None:
        """Let one thing go wrong, in the words of a file of faults."""
        self.faults = Faults([Fault.model_validate(fault)])

    def _page(self, day: datetime.date, number: int) -> bytes | None:
        pages = self.days.get(day.isoformat(), [])
        return pages[number - 1] if 0 < number <= len(pages) else None


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """A running scripted API, with its token in the environment."""
    with ScriptedApi() as server:
        monkeypatch.setenv("AUTH_TOKEN", server.token)
        yield server


def open_sales_api(url: str, **fields: Any) -> SalesApi:
    """Set the client up as a run does; it hardly waits between attempts."""
    client = SalesApi(url=url, **{"backoff": 0.001, "max_attempts": 3, **fields})
    client.connect()
    return client


@pytest.fixture
def sales_api(api: ScriptedApi) -> SalesApi:
    """The client of that API."""
    return open_sales_api(api.url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance on disk."""
    with dg.DagsterInstance.local_temp() as local:
        yield local


@pytest.fixture
def pipeline(api: ScriptedApi, tmp_path: Path, instance: dg.DagsterInstance) -> "Pipeline":
    """The graph with its checks, and three days to be had."""
    from sales_assets_tests.helpers.pipeline import Pipeline

    return Pipeline(api, tmp_path / "storage", instance)


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a DAGSTER_HOME and a BASE_DIR of their own, and no token."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ours = {name for name in os.environ if name.startswith(("SALES_", "RIDES_", "DAGSTER_"))}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ours | {"AUTH_TOKEN", "BASE_DIR"}
    }
    return {**inherited, "DAGSTER_HOME": str(home), "BASE_DIR": str(tmp_path / "storage")}


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run `python ...` as that user does, in another process and an empty working directory."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def dagster(python: Command) -> Command:
    """Run `dagster ...` likewise."""
    return functools.partial(python, "-m", "dagster")


def tree(root: Path) -> dict[str, bytes]:
    """All files below a directory, with their content."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
