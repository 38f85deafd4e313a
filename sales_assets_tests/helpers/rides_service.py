"""`sales-assets pull-rides` as a process, and a rides API that knows what it has answered."""

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.commands import OURS, start_python
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.helpers.waiting import wait_for


class RidesServer(ScriptedApi):
    """A rides API that knows which rides it has answered, below any path.

    Attributes:
        served: The rides in the order of the calls.
        last_of: The last ride asked for below each path.
        gate: While it is closed, a call gets no answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.served: list[str] = []
        self.last_of: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()

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


class Service(NamedTuple):
    """A running service, whose output and log go to files."""

    process: BaseProcess
    directory: Path

    def kill(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.process.pid or 0, number)

    @property
    def log(self) -> str:
        """What the log holds so far."""
        return (self.directory / "stderr").read_text()

    def wait(self) -> tuple[int | None, str, str]:
        """Wait for the end; give the exit status, what was printed, and the log."""
        self.process.join(90)
        return self.process.exitcode, (self.directory / "stdout").read_text(), self.log

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int | None, str, str]:
        """Send a signal, and wait for the end."""
        self.kill(number)
        return self.wait()


class Services:
    """Starts services as a user does."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self.started: list[Service] = []

    def start(self, *arguments: str, **variables: str) -> Service:
        """Start `sales-assets pull-rides ...`."""
        output = self._directory / f"service {len(self.started)}"
        output.mkdir()
        (output / "stderr").touch()
        process = start_python(
            (*OURS, "pull-rides", *arguments),
            self._directory,
            {**self._environment, **variables},
            output,
        )
        self.started.append(Service(process, output))
        return self.started[-1]


@contextmanager
def services(directory: Path, environment: Mapping[str, str]) -> Iterator[Services]:
    """Start services, and kill in the end what still runs."""
    starting = Services(directory, environment)
    try:
        yield starting
    finally:
        for service in starting.started:
            service.process.kill()
            service.process.join()


def until(ready: Callable[[], Any]) -> None:
    """Wait for a condition, as short as can be."""
    wait_for("a condition", ready, pause=0.002)
