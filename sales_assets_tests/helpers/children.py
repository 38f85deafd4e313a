"""Things that are done in a process of their own, since it is to die or to be limited."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection
from types import FrameType
from typing import Any


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
    children = [fork(action) for action in actions]
    return [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)


def killed_at(
    step: int, action: Callable[[], object], files: Collection[str], function: str = ""
) -> bool:
    """Run in such a process, killed before the `step`-th line of these files (or of one function).

    It gives whether it came to that; otherwise the process has finished before.
    """
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
        sys.settrace(trace)
        action()

    status = in_child(traced)
    assert status in (0, signal.SIGKILL), status
    return status != 0
