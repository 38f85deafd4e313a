"""Other processes: programs beside the tests, children that are to die, and waiting for them."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import requests

T = TypeVar("T")


def wait_for(
    what: str, ready: Callable[[], T | None], seconds: float = 90, pause: float = 0.05
) -> T:
    """Ask until there is an answer, and give it; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not (answer := ready()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(pause)
    return answer


def fork(action: Callable[[], object]) -> int:
    """Start a process that does this, ends without clearing up, and with 0 if it could do it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        except BaseException:
            # Nobody else would tell: the child does not get as far as its caller.
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def in_child(action: Callable[[], object]) -> int:
    """Run in such a process; give its wait status."""
    return os.waitpid(fork(action), 0)[1]


def all_succeed(*actions: Callable[[], object]) -> bool:
    """Run all at once, each in such a process."""
    started = [fork(action) for action in actions]
    return not any([os.waitpid(child, 0)[1] for child in started])


def _living() -> dict[int, tuple[int, int]]:
    """Find all processes of this machine, with their parents and sessions."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # It may end meanwhile.
            # What follows the name of the command.
            state, parent, _, session, *_ = stat.read_text().rpartition(")")[2].split()
            if state != "Z":
                found[int(stat.parent.name)] = int(parent), int(session)
    return found


def children(parent: int) -> list[int]:
    return sorted(pid for pid, (its_parent, _) in _living().items() if its_parent == parent)


def is_alive(pid: int) -> bool:
    return pid in _living()


def killed_at(
    step: int, action: Callable[[], object], files: Collection[str], function: str = ""
) -> bool:
    """Run in such a process; kill it before the `step`-th line of files, if it gets there."""
    left = step

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        code = frame.f_code
        if code.co_filename not in files or function not in ("", code.co_name):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def traced() -> None:
        threading.settrace(trace)
        sys.settrace(trace)
        action()

    status = in_child(traced)
    assert status in (0, signal.SIGKILL), status
    return status != 0


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
        """Wait until it is ready, and answers; fail with what it printed if it ends instead."""

        def is_ready() -> object:
            assert self.poll() is None, self.log.read_text()
            with suppress(requests.ConnectionError):
                return ready()
            return None

        wait_for(str(self.args), is_ready, seconds)

    def kill(self) -> None:
        """Kill all processes of its session at once, as a power cut would."""
        for pid, (_, session) in _living().items():
            if session == self.pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait(30)

    def __exit__(self, *error: Any) -> None:
        self.kill()
        super().__exit__(*error)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
