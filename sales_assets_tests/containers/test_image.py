"""What is in the image, and what is not."""

import json
import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from sales_assets_tests.helpers.container_engine import build, docker
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


def test_no_secret_of_the_place_where_it_is_built_is_anywhere_in_the_image(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = uuid.uuid4().hex
    monkeypatch.setenv("AUTH_TOKEN", secret)
    context = tmp_path / "context"
    shutil.copytree(PROJECT, context, ignore=shutil.ignore_patterns(".*_cache", ".git", ".venv"))
    for place in (".env", "deploy/.env", "sales_assets/.env", "sales_assets/sales/.env"):
        (context / place).write_text(f"AUTH_TOKEN={secret}\n")
    build(context, f"{image}_with_secrets")
    assert secret not in docker("history", "--no-trunc", f"{image}_with_secrets")
    docker("save", f"--output={tmp_path / 'image.tar'}", f"{image}_with_secrets")
    docker("image", "rm", f"{image}_with_secrets")
    grep = ["grep", "--quiet", secret, str(tmp_path / "image.tar")]
    assert subprocess.call(grep, timeout=300) == 1  # noqa: S603 - our own command


def test_neither_tests_nor_git_reach_the_image(image: str) -> None:
    names = ("-name", "*_tests", "-o", "-name", ".git")
    found = in_image(image, "find", "/opt", "/data", "/home", *names)
    assert not re.search(r"sales_assets_tests|\.git", found)
