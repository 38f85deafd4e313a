"""`sales-assets pull-rides` as a process, and a rides API that knows what it has answered."""

import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.commands import OURS, start_python
from sales_assets_tests.helpers.programs import wait_for
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

    def wait(self, calls: int) -> None:
        """Wait for so many more calls, no longer than they take."""
        last = len(self.served) + calls
        wait_for("calls", lambda: len(self.served) >= last, pause=0.002)


class Service:
    """A running service, whose output and log go to files."""

    def __init__(
        self, output: Path, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        output.mkdir()
        self._output = output
        command = (*OURS, "pull-rides", *arguments)
        self.process = start_python(command, output.parent, environment, output)

    @property
    def log(self) -> str:
        """What the log holds so far."""
        log = self._output / "stderr"
        return log.read_text() if log.exists() else ""

    def wait(self) -> tuple[int | None, str, str]:
        """Wait for the end; give the exit status, what was printed, and the log."""
        self.process.join(90)
        return self.process.exitcode, (self._output / "stdout").read_text(), self.log

    def wait_until_it_says(self, text: str) -> None:
        """Wait for a text in the log."""
        wait_for(text, lambda: text in self.log)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int | None, str, str]:
        """Send a signal, and wait for the end."""
        os.kill(self.process.pid or 0, number)
        return self.wait()
