"""How the command begins, what it refuses to serve, and what it allows."""

import socket
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.http_jobs_server import running_http_jobs

pytestmark = pytest.mark.slow

START = (
    "-c",
    "from sales_assets.cli import main; main()",
    "http-jobs",
    "--raw-port",
    "0",
    "--stg-port",
    "0",
)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_listening_beyond_loopback_takes_a_token(python: Command, host: str) -> None:
    result = python(*START, "--host", host)
    assert result.returncode == 2
    assert "set SALES_HTTP_TOKEN" in result.stderr


@pytest.mark.parametrize("token", ["two words", "two\nlines", "t\u00f6ken"])
def test_a_token_that_no_client_can_send_is_refused_and_not_shown(
    python: Command, token: str
) -> None:
    result = python(*START, SALES_HTTP_TOKEN=token)
    assert result.returncode == 2
    assert "SALES_HTTP_TOKEN" in result.stderr
    assert token not in result.stderr


@pytest.mark.parametrize("root", ["my_dir", "/data/x ", "/data/x\u0085", "/data/x%0a"])
def test_a_root_that_no_storage_can_have_is_refused(python: Command, root: str) -> None:
    for result in (
        python(*START, SALES_HTTP_ROOTS=f"/data:{root}"),
        python(*START, "--root", root, SALES_HTTP_ROOTS="/data"),
    ):
        assert result.returncode == 2
        assert f"root {root!r} of --root or SALES_HTTP_ROOTS" in result.stderr


def test_a_storage_that_is_not_a_local_path_takes_a_root(python: Command) -> None:
    result = python(*START, BASE_DIR="memory://sales")
    assert result.returncode == 2
    assert "SALES_HTTP_ROOTS" in result.stderr


def test_a_dagster_home_that_is_not_there_is_refused(python: Command, tmp_path: Path) -> None:
    result = python(*START, DAGSTER_HOME=str(tmp_path / "nowhere"))
    assert result.returncode == 2
    assert "DAGSTER_HOME" in result.stderr


def test_a_port_that_is_taken_is_named(python: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = python(*START, "--raw-port", str(port))
    assert result.returncode == 2
    assert f"127.0.0.1:{port} (--raw-port)" in result.stderr


def test_a_tmpdir_that_is_too_long_for_sockets_is_named(
    new_python: Command, tmp_path: Path
) -> None:
    directory = tmp_path / ("x" * 100)
    directory.mkdir()
    result = new_python(*START, TMPDIR=str(directory))
    assert result.returncode == 2
    assert f"cannot create a socket in {directory}" in result.stderr
    assert "set TMPDIR to a short, writable path" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_settings_of_a_dot_env_are_read(python: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SALES_HTTP_ROOTS=from_dot_env\n")
    assert "root 'from_dot_env'" in python(*START).stderr


def test_root_and_the_roots_of_the_setting_and_base_dir_all_count(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with running_http_jobs(
        tmp_path, "--root", str(one), SALES_HTTP_ROOTS=str(other), SALES_API_URL="sample"
    ) as jobs:
        for root in (one, other, jobs.storage):
            raw_dir = f"{root}/raw/sales/2022-08-09"
            assert jobs.raw("2022-08-09", raw_dir=raw_dir).status_code == 201
