"""The services of `docker-compose.workers.yml` as containers, and an S3 server beside them."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from sales_assets_tests.helpers.containers import Containers, running_containers
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import free_port
from sales_assets_tests.helpers.waiting import wait_for

BUCKET = "sales"
_WORKERS = PROJECT / "deploy/docker-compose.workers.yml"


@contextmanager
def running_s3() -> Iterator[int]:
    """Run an S3 server that containers reach, with a bucket; give its port."""
    port = free_port()
    server = [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(port)]  # noqa: S104
    with subprocess.Popen(  # noqa: S603 - our own command
        server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for("the S3 server", lambda: _made(f"http://127.0.0.1:{port}/{BUCKET}"), 30)
            yield port
        finally:
            process.kill()


def running_workers(
    directory: Path, s3: int, workers: int, faults: Sequence[dict[str, Any]]
) -> AbstractContextManager[Containers]:
    """Run all services, with so many workers.

    Args:
        directory: For the files that the services are given.
        s3: The port of the S3 server.
        workers: How many.
        faults: What the sample API does wrong.
    """
    at_the_host = {"extra_hosts": ["s3:host-gateway"]}
    users = yaml.safe_load(_WORKERS.read_text())["services"].keys() - {"redis", "rides-database"}
    hosts = directory / "hosts.yaml"
    hosts.write_text(yaml.safe_dump({"services": {name: at_the_host for name in users}}))
    settings = {
        "BASE_DIR": f"s3://{BUCKET}/storage",
        "LOGS_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": f"http://s3:{s3}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return running_containers(directory, faults, [_WORKERS, hosts], {"worker": workers}, **settings)


def _made(bucket: str) -> bool:
    """Make a bucket, if there is a server yet."""
    try:
        return requests.put(bucket, timeout=30).ok
    except requests.ConnectionError:
        return False
