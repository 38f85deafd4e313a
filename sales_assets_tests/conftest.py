"""Fixtures of every room: a scripted sales API, real Dagster instances, commands of a user."""

import functools
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.commands import SECONDS, Command, run_python, without_settings
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.postgres_server import DATABASE, USER, running_postgres
from sales_assets_tests.helpers.rides_file import sql
from sales_assets_tests.helpers.scripted_api import ScriptedApi, open_sales_api


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """A running scripted API, with its token in the environment."""
    with ScriptedApi() as server:
        monkeypatch.setenv("AUTH_TOKEN", server.token)
        yield server


@pytest.fixture
def sales_api(api: ScriptedApi) -> SalesApi:
    """The client of that API."""
    return open_sales_api(api.url)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory, which takes a third of the time of one on disk."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A Postgres server."""
    try:
        with running_postgres("word") as port:
            yield f"postgresql://{USER}:word@127.0.0.1:{port}"
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres(postgres_server: str) -> str:
    """An empty database of that server."""
    name = f"database_{uuid.uuid4().hex}"
    sql(f"{postgres_server}/{DATABASE}", f"CREATE DATABASE {name}")
    return f"{postgres_server}/{name}"


@pytest.fixture
def pipeline(api: ScriptedApi, tmp_path: Path, instance: dg.DagsterInstance) -> Pipeline:
    """The graph with its checks, and an API that has three days."""
    return Pipeline(api, tmp_path / "storage", instance)


@pytest.fixture(scope="session")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME with all of its tables, to be copied: to make them takes a second."""
    home = tmp_path_factory.mktemp("new_home")
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)):
        return home


@pytest.fixture
def environment(tmp_path: Path, new_home: Path) -> dict[str, str]:
    """The environment of a user with a DAGSTER_HOME and a BASE_DIR of their own, and no token."""
    home = shutil.copytree(new_home, tmp_path / "dagster_home")
    environment = without_settings(os.environ)
    return {**environment, "DAGSTER_HOME": str(home), "BASE_DIR": str(tmp_path / "storage")}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(mount, check=False).returncode:  # noqa: S603
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S603, S607


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run `python ...` as that user does, in another process and an empty working directory."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return run_python(arguments, tmp_path, {**environment, **variables})

    return run


@pytest.fixture
def new_python(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run `python ...` likewise, in an interpreter that has imported nothing yet."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    return run


@pytest.fixture
def dagster(python: Command) -> Command:
    """Run `dagster ...` as that user does."""
    return functools.partial(python, "-m", "dagster")
