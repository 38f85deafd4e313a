"""Programs that run beside the tests, for as long as needed."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sales_assets_tests.helpers.children import living
from sales_assets_tests.helpers.waiting import wait_for


class Program(subprocess.Popen[bytes]):
    """A program in a session of its own; it is killed at the end of a `with`."""

    def __init__(
        self, command: Sequence[str | Path], log: Path = Path(os.devnull), **options: Any
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            super().__init__(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )

    def wait_until(self, ready: Callable[[], object], seconds: float = 90) -> None:
        """Wait until it is ready; fail with what it printed if it ends instead."""

        def is_ready() -> object:
            assert self.poll() is None, self.log.read_text()
            return ready()

        wait_for(str(self.args), is_ready, seconds)

    def kill(self) -> None:
        """Kill all processes of its session at once, as a power cut would."""
        for process in living():
            if process.session == self.pid:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
        self.wait(30)

    def __exit__(self, *error: Any) -> None:
        self.kill()
        super().__exit__(*error)


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
