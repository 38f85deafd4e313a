"""The services of `docker-compose.workers.yml` as containers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import yaml

from sales_assets_tests.helpers.containers import Containers, running_containers
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.s3_server import BUCKET

EVERYWHERE = "0.0.0.0"  # noqa: S104 - containers reach this machine by another address
_WORKERS = PROJECT / "deploy/docker-compose.workers.yml"


def running_workers(
    directory: Path, s3: int, workers: int, faults: Sequence[dict[str, Any]]
) -> AbstractContextManager[Containers]:
    """Run all services, with so many workers, and an S3 server at a port that is `EVERYWHERE`."""
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
