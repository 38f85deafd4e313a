"""An S3 server (moto) on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from moto.server import ThreadedMotoServer

BUCKET = "sales"


@contextmanager
def running_s3(host: str = "127.0.0.1") -> Iterator[int]:
    """Run an S3 server with a bucket; give its port."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(host, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        requests.put(f"http://127.0.0.1:{port}/{BUCKET}", timeout=30).raise_for_status()
        yield port
    finally:
        server.stop()
