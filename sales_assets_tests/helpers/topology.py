"""The services of `deploy/docker-compose.yml`, started as processes of this machine.

Commands, environments, health checks and the order of the start are those of that file; only
addresses, ports and directories are replaced. Its Postgres and an S3 server are real ones too.
"""

import os
import re
import secrets
import shutil
import signal
import string
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
import yaml
from upath import UPath

from sales_assets_tests.helpers.dagster_ui import DagsterUi
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.image import Image
from sales_assets_tests.helpers.postgres_server import as_user, free_port, running_postgres
from sales_assets_tests.helpers.s3_server import BUCKET, running_s3
from sales_assets_tests.helpers.waiting import wait_for

COMPOSE = ["docker-compose", "-f", str(PROJECT / "deploy/docker-compose.yml")]


def compose_config(*arguments: str, **variables: str) -> dict[str, Any]:
    """Give the compose file as docker-compose understands it.

    Args:
        arguments: Before `config`.
        variables: All of the environment that the file may refer to.
    """
    answer = subprocess.run(  # noqa: S603 - our own command
        [*COMPOSE, *arguments, "config"],
        env={"PATH": os.environ["PATH"], **variables},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    return dict(yaml.safe_load(answer.stdout))


class Topology:
    """The services, each a process once it was started.

    Attributes:
        directory: Stands for the volume; has the log of each service.
        processes: The running ones by name.
        ui: The webserver.
    """

    def __init__(
        self,
        directory: Path,
        services: Mapping[str, Any],
        replaced: Mapping[str, str],
        image: Image | None = None,
        user: str | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            directory: Where to put everything.
            services: Those of the compose file.
            replaced: Words of the compose file, and what stands for them here.
            image: Where the commands and the configuration are; the environment of whoever runs
                this and `deploy/`, unless given.
            user: Who runs the services; whoever runs this, unless given.
        """
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._services = services
        self._replaced = {
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is what is replaced
            "/data": str(directory),
            **replaced,
        }
        self.ui = DagsterUi(f"http://127.0.0.1:{self._replaced['3000']}")
        self._user = user
        if image:
            self._variables = image.environment
        else:
            home = directory / "dagster_home"
            self._variables = {
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "DAGSTER_HOME": str(home),
                "DAGSTER_COMPUTE_LOGS": str(directory / "compute_logs"),
            }
            home.mkdir()
            for name in ("dagster.yaml", "workspace.yaml"):
                shutil.copy(PROJECT / "deploy" / name, home)

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
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - our own command
                [*self._here(self._services[name]["command"]), *arguments],
                cwd=self._variables["DAGSTER_HOME"],
                env=self._environment(name),
                stdout=log,
                stderr=subprocess.STDOUT,
                **as_user(self._user),
                start_new_session=True,
            )

    def wait_healthy(self, name: str) -> None:
        """Ask the health check of a service until it agrees."""
        [kind, *command] = self._here(self._services[name]["healthcheck"]["test"])
        assert kind == "CMD"

        def healthy() -> bool:
            assert self.processes[name].poll() is None, self.log(name)
            return not subprocess.run(  # noqa: S603 - our own command
                command,
                cwd=self._variables["DAGSTER_HOME"],
                env=self._environment(name),
                **as_user(self._user),
                capture_output=True,
                timeout=60,
                check=False,
            ).returncode

        wait_for(name, healthy, 90)

    def restart(self, name: str) -> None:
        """Start a service, after killing the one that runs, if one does."""
        if name in self.processes:
            self.kill(name)
        self.start(name)

    def kill(self, name: str) -> None:
        """Kill a service with all its processes, as the end of its container would."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def log(self, name: str) -> str:
        """What a service printed."""
        return (self.directory / f"{name}.log").read_text()

    def sql(self, text: str, **values: Any) -> list[Any]:
        """Ask the database."""
        address = self._environment("daemon")["DAGSTER_POSTGRES_URL"]
        with sqlalchemy.create_engine(address).connect() as connection:
            return list(connection.execute(sqlalchemy.text(text), values))

    def objects(self) -> set[str]:
        """Name what lies in the bucket, below `BASE_DIR`."""
        given = self._environment("code-location")
        base = UPath(
            given["BASE_DIR"],
            key=given["AWS_ACCESS_KEY_ID"],
            secret=given["AWS_SECRET_ACCESS_KEY"],
            endpoint_url=given["AWS_ENDPOINT_URL"],
        )
        base.fs.invalidate_cache()
        prefix = base.path.rstrip("/") + "/"
        return {str(path).removeprefix(prefix) for path in base.fs.find(prefix)}

    def backfill(self, days: list[str]) -> str:
        """Launch a backfill of both assets; give its id.

        The daemon starts anew after it: it looks for backfills when it starts, then each 30 s.
        """
        backfill = self.ui.backfill(days)
        self.restart("daemon")
        return backfill

    def stop(self) -> None:
        """End what runs: politely, then not."""
        for process in self.processes.values():
            process.terminate()
        end = time.monotonic() + 10
        for process in self.processes.values():
            try:
                process.wait(max(0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)

    def _environment(self, name: str) -> dict[str, str]:
        given = self._services[name].get("environment", {})
        return {
            **self._variables,
            **{key: self._here([value])[0] for key, value in given.items() if value is not None},
        }

    def _here(self, words: list[str]) -> list[str]:
        names = "|".join(map(re.escape, self._replaced))
        pattern = rf"(?<![\w.-])({names})(?![\w.-])"
        return [re.sub(pattern, lambda match: self._replaced[match[1]], word) for word in words]


@contextmanager
def running_topology(directory: Path, faults: str = "[]", **variables: str) -> Iterator[Topology]:
    """Run all that a backfill to S3 needs, the sample API included.

    Args:
        directory: Where to put everything.
        faults: What the sample API does wrong, as YAML.
        variables: More settings, as an operator would give them.
    """
    password, token = word(), word()
    with running_s3() as s3_port, running_postgres(password) as postgres_port:
        settings = {
            "POSTGRES_PASSWORD": password,
            "SALES_HTTP_TOKEN": word(),
            "AUTH_TOKEN": token,
            "SALES_API_URL": "http://sample-api:8000",
            "BASE_DIR": f"s3://{BUCKET}/topology",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        config = compose_config("--profile", "demo", **settings, **variables)
        ports = {port: str(free_port()) for port in ("3000", "4000", "8000")}
        topology = Topology(
            directory,
            config["services"],
            {
                "postgres:5432": f"127.0.0.1:{postgres_port}",
                "code-location": "127.0.0.1",
                "sample-api:8000": f"127.0.0.1:{ports['8000']}",
                **ports,
            },
        )
        (directory / "faults.yaml").write_text(faults)
        try:
            topology.up("migrate")
            topology.start("sample-api", "--faults", str(directory / "faults.yaml"))
            topology.up("webserver")
            topology.wait_healthy("sample-api")
            topology.wait_healthy("webserver")
            yield topology
        finally:
            topology.stop()


def word() -> str:
    """Make a password or a token up."""
    # Letters alone: nothing in it can be taken for a port that is replaced.
    return "".join(secrets.choice(string.ascii_letters) for _ in range(24))
