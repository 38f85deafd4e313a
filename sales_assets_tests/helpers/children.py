"""Things that are done in a process of their own, since it is to die or to be limited."""

import os
from collections.abc import Callable


def in_child(action: Callable[[], object]) -> int:
    """Run in a forked process that dies without any clearing up; give its wait status."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]
