"""The services of the compose files as containers, with the sample API beside them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import yaml

from sales_assets_tests.helpers.container_engine import docker
from sales_assets_tests.helpers.dagster_dev import DagsterUi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.programs import wait_for
from sales_assets_tests.helpers.s3_server import BUCKET
from sales_assets_tests.helpers.topology import COMPOSE, SECRETS, word

ADDRESS = "127.0.0.77"  # of loopback, that nobody else publishes ports on
EVERYWHERE = "0.0.0.0"  # noqa: S104 - containers reach this machine by another address
PROJECT_NAME = "sales_assets_tests"
NETWORK = f"{PROJECT_NAME}_default"
ONCE = ("migrate", "rides-database")  # which end once they have done their work
_WORKERS = PROJECT / "deploy/docker-compose.workers.yml"


class Containers:
    """The installation; `scale` says of how many containers a service has, if not of one."""

    def __init__(self, files: Sequence[Path], **settings: str) -> None:
        self.secrets = {name: word() for name in (*SECRETS, "REDIS_PASSWORD")}
        self.scale: dict[str, int] = {}
        self.ui = DagsterUi(f"http://{ADDRESS}:3000")
        more = [argument for file in files for argument in ("-f", str(file))]
        self._command = [*COMPOSE, *more, "-p", PROJECT_NAME, "--profile", "demo"]
        self._environment = {
            **os.environ,
            **self.secrets,
            "PUBLISH": ADDRESS,
            "SALES_API_URL": "http://sample-api:8000",
            "RIDES_API_URL": "http://sample-api:8000",
            **settings,
        }

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run a command of docker-compose; give what it prints."""
        return subprocess.run(  # noqa: S603 - our own command
            [*self._command, *arguments],
            env=self._environment,
            check=check,
            capture_output=True,
            text=True,
            timeout=600,
        ).stdout.strip()

    def up(self) -> None:
        """Start all services, and wait until each is healthy."""
        scale = [f"--scale={service}={number}" for service, number in self.scale.items()]
        self.compose("up", "-d", *scale)
        wait_for("all services", lambda: not self.unhealthy(), 180)

    def unhealthy(self) -> set[str]:
        """Name the services that are not as they should be, with their states."""
        return {
            f"{name}: {state['Status']}"
            for name, state in self._states()
            if state.get("Health", {}).get("Status", state["Status"]) not in ("healthy", "running")
            and not (name in ONCE and state["Status"] == "exited" and not state["ExitCode"])
        }

    def services(self) -> list[str]:
        """Name all services."""
        return self.compose("config", "--services").split()

    def ids(self, service: str) -> list[str]:
        """Give the ids of the containers of a service."""
        return self.compose("ps", "-q", service).split()

    def run(self, service: str, *command: str) -> str:
        """Run a command in the container of a service."""
        return self.compose("exec", "-T", service, *command)

    def prove(self, days: list[str]) -> None:
        """Assert that days are stored in both layers as they are recorded."""
        between = ("--from", days[0], "--to", days[-1])
        for command in ("verify", "status"):
            self.run("code-location", "sales-assets", command, *between)

    def kill_all(self) -> None:
        """Kill all containers at once, as the end of their machine would."""
        for _, state in self._states():
            if state["Running"]:
                os.kill(state["Pid"], signal.SIGKILL)

    def kill(self, service: str, away: float = 0) -> None:
        """Kill the first container of a service; it is started again after so many seconds."""
        container = self.ids(service)[0]
        if not away:
            # Not by Docker, which would leave it dead.
            os.kill(_state(container)["Pid"], signal.SIGKILL)
            return
        docker("kill", container)
        time.sleep(away)
        docker("start", container)

    def _states(self) -> list[tuple[str, dict[str, Any]]]:
        return [(name, _state(one)) for name in self.services() for one in self.ids(name)]


def _state(container: str) -> dict[str, Any]:
    return dict(json.loads(docker("inspect", "--format", "{{json .State}}", container)))


@contextmanager
def running_containers(
    directory: Path,
    faults: Sequence[dict[str, Any]] = (),
    files: Sequence[Path] = (),
    workers: int = 0,
    **settings: str,
) -> Iterator[Containers]:
    """Run all services, with files in a directory; leave nothing behind."""
    (directory / "faults.yaml").write_text(json.dumps(list(faults)))
    api = ["sales-assets", "sample-api", "--host", EVERYWHERE, "--port", "8000"]
    overrides = {
        "services": {
            "sample-api": {
                "command": [*api, "--faults", "/faults.yaml"],
                "volumes": [f"{directory}/faults.yaml:/faults.yaml:ro"],
            },
            # Runs that are to end before the rest goes need the API until then.
            "code-location": {"depends_on": {"sample-api": {"condition": "service_started"}}},
        }
    }
    (directory / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    containers = Containers([*files, directory / "overrides.yaml"], **settings)
    if workers:
        containers.scale["worker"] = workers
    try:
        containers.up()
        yield containers
    finally:
        containers.compose("down", "--volumes", "--timeout", "5", check=False)


def running_workers(
    directory: Path, s3: int, workers: int, faults: Sequence[dict[str, Any]]
) -> AbstractContextManager[Containers]:
    """Run all services, with so many workers, and an S3 server at a port that is `EVERYWHERE`."""
    at_the_host = {"extra_hosts": ["s3:host-gateway"]}
    users = yaml.safe_load(_WORKERS.read_text())["services"].keys() - {"redis", "rides-database"}
    hosts = directory / "hosts.yaml"
    hosts.write_text(yaml.safe_dump({"services": dict.fromkeys(users, at_the_host)}))
    settings = {
        "BASE_DIR": f"s3://{BUCKET}/storage",
        "LOGS_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": f"http://s3:{s3}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return running_containers(directory, faults, [_WORKERS, hosts], workers, **settings)
