"""The code server of an installation: `dagster api grpc`, but it exits once it is broken.

Dagster's server watches its runs in a thread. If that thread dies because the database is down, the
server still accepts runs, but never notices that one has ended, and ignores SIGTERM.
`python -m sales_assets.instance.code_server` takes the same options and exits then, so that it is
restarted.
"""

import os
import sys
import threading

from dagster._cli import main

CLEANUP_THREAD = "grpc-server-cleanup"
"""What Dagster calls the thread."""


def end_with_the_cleanup_thread() -> None:
    """Exit from this process once an error has ended that thread."""

    def hook(failed: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(failed)
        if failed.thread and failed.thread.name == CLEANUP_THREAD:
            # A normal exit would wait for threads and runs.
            os._exit(1)

    threading.excepthook = hook


if __name__ == "__main__":
    end_with_the_cleanup_thread()
    sys.argv[1:1] = ["api", "grpc"]
    main()  # type: ignore[no-untyped-call]
