"""The services of `deploy/docker-compose.yml`, started as processes of this machine.

Commands, environments, health checks and the order of the start are those of that file; only
addresses, ports and directories are replaced. Its Postgres and an S3 server are real ones too.
"""

import os
import re
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import choice
from typing import Any

import yaml
from upath import UPath

from sales_assets_tests.helpers.dagster_dev import DagsterUi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import running_postgres
from sales_assets_tests.helpers.programs import Program, free_port

COMPOSE = ["docker-compose", "-f", str(PROJECT / "deploy/docker-compose.yml")]
SECRETS = ("AUTH_TOKEN", "POSTGRES_PASSWORD", "SALES_HTTP_TOKEN")


def compose_config(**variables: str) -> dict[str, Any]:
    """Give the compose file as docker-compose understands it, with all of its environment."""
    answer = subprocess.run(  # noqa: S603 - our own command
        [*COMPOSE, "--profile", "demo", "config"],
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return dict(yaml.safe_load(answer.stdout))


class Topology:
    """The services of the compose file, each a process once it was started.

    `directory` stands for the volume, and has the log of each service.
    """

    def __init__(
        self,
        directory: Path,
        secrets: Mapping[str, str],
        services: Mapping[str, Any],
        postgres: int,
    ) -> None:
        self.directory = directory
        self.secrets = secrets
        self.processes: dict[str, Program] = {}
        self._services = services
        ports = {port: str(free_port()) for port in ("3000", "4000", "8000", "8081", "8082")}
        self._replaced = {
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is what is replaced
            "/data": str(directory),
            "code-location": "127.0.0.1",
            "postgres:5432": f"127.0.0.1:{postgres}",
            "sample-api:8000": f"127.0.0.1:{ports['8000']}",
            **ports,
        }
        self.ui = DagsterUi(f"http://127.0.0.1:{ports['3000']}")
        home = directory / "dagster_home"
        home.mkdir()
        for name in ("dagster.yaml", "workspace.yaml"):
            shutil.copy(PROJECT / "deploy" / name, home)
        self.variables = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "DAGSTER_HOME": str(home),
            "DAGSTER_COMPUTE_LOGS": str(directory / "compute_logs"),
        }

    def up(self, *names: str) -> None:
        """Start services after those that they depend on, each once its conditions hold."""
        for name in names:
            if name in self.processes:
                continue
            for other, need in self._services[name].get("depends_on", {}).items():
                if other == "postgres":
                    continue
                self.up(other)
                if need["condition"] == "service_completed_successfully":
                    assert self.processes[other].wait(120) == 0, self.log(other)
                else:
                    self.wait_healthy(other)
            self.start(name)

    def start(self, name: str, *arguments: str) -> None:
        """Start a service, with more arguments than its own."""
        self.processes[name] = Program(
            [*self._replaced_in(self._services[name]["command"]), *arguments],
            self.directory / f"{name}.log",
            cwd=self.variables["DAGSTER_HOME"],
            env=self._environment(name),
        )

    def wait_healthy(self, name: str) -> None:
        """Ask the health check of a service until it agrees."""
        [kind, *command] = self._replaced_in(self._services[name]["healthcheck"]["test"])
        assert kind == "CMD"

        def healthy() -> bool:
            return not subprocess.run(  # noqa: S603 - our own command
                command,
                cwd=self.variables["DAGSTER_HOME"],
                env=self._environment(name),
                capture_output=True,
                timeout=60,
                check=False,
            ).returncode

        self.processes[name].wait_until(healthy)

    def kill(self, name: str) -> None:
        """Kill a service, if it runs, as the end of its container would."""
        if name in self.processes:
            self.processes.pop(name).kill()

    def log(self, name: str) -> str:
        """What a service printed."""
        return (self.directory / f"{name}.log").read_text()

    @property
    def database(self) -> str:
        """The address of the database."""
        return self._environment("daemon")["DAGSTER_POSTGRES_URL"]

    def objects(self) -> set[str]:
        """Name what lies below `BASE_DIR`, with its bucket."""
        given = self._environment("code-location")
        base = UPath(
            given["BASE_DIR"],
            key=given["AWS_ACCESS_KEY_ID"],
            secret=given["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=given["AWS_ENDPOINT_URL"],
        )
        base.fs.invalidate_cache()
        return set(base.fs.find(base.path))

    def backfill(self, days: list[str]) -> str:
        """Launch a backfill of both assets; give its id.

        The daemon starts anew after it: it looks for backfills when it starts, then each 30 s.
        """
        backfill = self.ui.backfill(days)
        self.kill("daemon")
        self.start("daemon")
        return backfill

    def _environment(self, name: str) -> dict[str, str]:
        given = self._services[name].get("environment", {})
        words = {key: value for key, value in given.items() if value is not None}
        replaced = self._replaced_in([*words.values()])
        return {**self.variables, **dict(zip(words, replaced, strict=True))}

    def _replaced_in(self, words: list[str]) -> list[str]:
        names = "|".join(map(re.escape, self._replaced))
        pattern = rf"(?<![\w.-])({names})(?![\w.-])"
        return [re.sub(pattern, lambda match: self._replaced[match[1]], word) for word in words]


@contextmanager
def running_topology(directory: Path, **variables: str) -> Iterator[Topology]:
    """Run the database of all services; they are started later, and killed in the end."""
    secrets = {name: word() for name in SECRETS}
    with running_postgres(secrets["POSTGRES_PASSWORD"]) as postgres:
        given = {"SALES_API_URL": "http://sample-api:8000", **secrets, **variables}
        services = compose_config(**given)["services"]
        topology = Topology(directory, secrets, services, postgres)
        try:
            yield topology
        finally:
            for name in [*topology.processes]:
                topology.kill(name)


def word() -> str:
    # Letters alone: nothing in it can be taken for a port that is replaced.
    return "".join(choice(string.ascii_letters) for _ in range(24))
