"""Which process executes a run: recorded when the run starts, recognised by whoever looks for it.

A run that Dagster launched is known to the code server that launched it. One of the command line
or of a program that calls `execute_in_process` is known to nobody, and a code server that was
reloaded or killed forgets runs that live on. On its own machine, the process itself tells best.

It is told from a later one with the same id by the moment of its start, as the kernel counts it:
no clock that is set while the run lasts makes another process of it. On a system without `/proc`,
nothing is recorded.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dagster._core.storage.tags import HIDDEN_TAG_PREFIX
from typing_extensions import Self

PROCESS_TAG = f"{HIDDEN_TAG_PREFIX}sales_assets/process"
"""The tag of a run that holds its process: host, id, start; the UI does not show it."""

_PROC = Path("/proc")


class RunProcess(NamedTuple):
    """The process of a run.

    Attributes:
        host: The name of its machine, or container.
        pid: Its id there.
        start: The boot of the machine, and the clock ticks from it to the start of the process.
    """

    host: str
    pid: int
    start: str

    @classmethod
    def current(cls) -> Self | None:
        """Give this process, if it can be recognised later."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Give the process of this machine that has an id, if it can be recognised later."""
        start = _start(pid)
        return cls(socket.gethostname(), pid, start) if start else None

    @classmethod
    def recorded(cls, tags: Mapping[str, str]) -> Self | None:
        """Read the process from the tags of a run, if they have one."""
        match tags.get(PROCESS_TAG, "").split(" "):
            case [host, pid, start] if pid.isdecimal():
                return cls(host, int(pid), start)
        return None

    def tags(self) -> dict[str, str]:
        """Write the process as tags of its run."""
        return {PROCESS_TAG: f"{self.host} {self.pid} {self.start}"}

    def is_here(self) -> bool:
        """Tell whether its machine is this one."""
        return self.host == socket.gethostname() and _PROC.is_dir()

    def is_running(self) -> bool:
        """Tell whether it still runs; only for one that is here."""
        return _start(self.pid) == self.start


def _start(pid: int) -> str | None:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        # The name of the command, in parentheses, may have any character in it.
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    return None if state in ("Z", "X") else f"{boot}:{ticks}"
