"""The process that runs are forked from: it has imported the definitions, and does nothing else.

Importing them takes longer than a run, and forking a process with threads, such as the HTTP server,
is not safe. The fork server goes with the HTTP server, and is started again when it was killed.
"""

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.process

import tenacity

CONTEXT = multiprocessing.get_context("forkserver")

_IMPORTED = "sales_assets.http_jobs.run_process"


def begin_importing() -> None:
    """Start the fork server; it is ready a few seconds later, and runs wait for it."""
    CONTEXT.set_forkserver_preload([_IMPORTED])
    multiprocessing.forkserver.ensure_running()


# The fork server may have been killed the moment before; the next attempt starts it again.
@tenacity.retry(
    retry=tenacity.retry_if_exception_type((OSError, EOFError)),
    stop=tenacity.stop_after_attempt(5),
    wait=tenacity.wait_fixed(0.2),
    reraise=True,
)
def start(process: multiprocessing.process.BaseProcess) -> None:
    """Start a process of `CONTEXT`."""
    process.start()
