"""Fixtures of every room: a scripted sales API, real Dagster instances, commands of a user."""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sales_assets.sales.api import SalesApi
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.pipeline import Pipeline
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
    """A Dagster instance on disk."""
    with dg.DagsterInstance.local_temp() as local:
        yield local


@pytest.fixture
def pipeline(api: ScriptedApi, tmp_path: Path, instance: dg.DagsterInstance) -> Pipeline:
    """The graph with its checks, and three days to be had."""
    return Pipeline(api, tmp_path / "storage", instance)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with a DAGSTER_HOME and a BASE_DIR of their own, and no token."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    ours = {name for name in os.environ if name.startswith(("SALES_", "RIDES_", "DAGSTER_"))}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ours | {"AUTH_TOKEN", "BASE_DIR"}
    }
    return {**inherited, "DAGSTER_HOME": str(home), "BASE_DIR": str(tmp_path / "storage")}


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run `python ...` as that user does, in another process and an empty working directory."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own command
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def dagster(python: Command) -> Command:
    """Run `dagster ...` likewise."""
    return functools.partial(python, "-m", "dagster")
