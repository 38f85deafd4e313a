"""What is in the image, and what is not."""

import json

import pytest

from sales_assets_tests.helpers.container_engine import docker
from sales_assets_tests.helpers.files import PROJECT

pytestmark = pytest.mark.containers


def in_image(image: str, *command: str) -> str:
    """Run a command in a container of its own."""
    return docker("run", "--rm", "--network=none", image, *command)


def normalized(versions: str) -> set[str]:
    """Write names of distributions in the one way that all of their spellings have in common."""
    lines = versions.splitlines()
    return {line.lower().replace("_", "-") for line in lines if not line.startswith("#")}


def test_the_image_has_the_versions_of_the_constraints_file(image: str) -> None:
    constraints = (PROJECT / "deploy/constraints.txt").read_text()
    # The older Python of a stand-in needs more than these, for what later ones bring.
    installed = in_image(image, "/opt/venv/bin/pip", "freeze", "--exclude", "sales_assets")
    assert normalized(constraints) <= normalized(installed)


def test_the_image_takes_no_secret_and_runs_as_nobody_in_particular(image: str) -> None:
    [found] = json.loads(docker("image", "inspect", image))
    names = {variable.partition("=")[0] for variable in found["Config"]["Env"]}
    assert found["Config"]["User"] == "10001"
    assert names == {
        *("PATH", "PYTHONUNBUFFERED", "DAGSTER_HOME", "DAGSTER_COMPUTE_LOGS"),
        # Of the base image.
        *(names & {"LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}),
    }
    assert "ARG" not in docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)


def test_neither_tests_nor_git_reach_the_image(image: str) -> None:
    found = in_image(
        image, "find", "/opt", "/data", "/home", "-name", "*_tests", "-o", "-name", ".git"
    )
    assert "sales_assets_tests" not in found
    assert ".git" not in found
