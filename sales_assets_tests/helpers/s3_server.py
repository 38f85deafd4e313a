"""An S3 server (moto) in a process of its own.

It serves S3 alone and logs nothing, which takes a third less of the processor than `moto.server`:
one process answers for all workers, and would be what they wait for.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.serving import run_simple

from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import Program, free_port

BUCKET = "sales"


@contextmanager
def running_s3(host: str = "127.0.0.1") -> Iterator[int]:
    """Run an S3 server with a bucket; give its port."""
    port = free_port()
    command = [sys.executable, "-m", __name__, host, str(port)]
    with Program(command, cwd=PROJECT) as server:
        server.wait_until(lambda: _made(f"http://127.0.0.1:{port}/{BUCKET}"))
        yield port


def _made(bucket: str) -> bool:
    """Make a bucket, if there is a server yet."""
    try:
        return requests.put(bucket, timeout=30).ok
    except requests.ConnectionError:
        return False


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple(sys.argv[1], int(sys.argv[2]), create_backend_app("s3"), threaded=True)
