"""The code server of an installation, `dagster api grpc`, which ends when it is of no use any more.

Dagster's looks after its runs in a thread. If that dies, since the database is away just then, the
server goes on taking runs, but never learns that one has ended, and SIGTERM does not end it.
`python -m sales_assets.instance.code_server` takes the same options and then ends, so that whoever
started it starts it again.
"""

import os
import sys
import threading

from dagster._cli import main

CLEANUP_THREAD = "grpc-server-cleanup"
"""How Dagster calls the thread."""


def end_with_the_cleanup_thread() -> None:
    """End this process once that thread has died of an error."""

    def hook(failed: threading.ExceptHookArgs) -> None:
        threading.__excepthook__(failed)
        if failed.thread and failed.thread.name == CLEANUP_THREAD:
            # A normal exit would wait for the thread and for other runs.
            os._exit(1)

    threading.excepthook = hook


if __name__ == "__main__":
    end_with_the_cleanup_thread()
    sys.argv[1:1] = ["api", "grpc"]
    main()  # type: ignore[no-untyped-call]
