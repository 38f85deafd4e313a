"""Things that are done in a process of their own, since it is to die or to be limited."""

import os
import traceback
from collections.abc import Callable


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
