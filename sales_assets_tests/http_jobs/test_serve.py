"""How the command begins, what it refuses to serve, and what it allows."""

import socket
from pathlib import Path

import pytest

from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.http_jobs_server import HTTP_JOBS, running_http_jobs

pytestmark = pytest.mark.slow

ROOTS = "--root or SALES_HTTP_ROOTS is"


@pytest.mark.parametrize(
    ("options", "variables", "reason"),
    [
        *((f"--host {host}", {}, "set SALES_HTTP_TOKEN") for host in ("::", "example.com")),
        *((f"--host {host}", {}, "set SALES_HTTP_TOKEN") for host in ("0.0.0.0", "192.0.2.1")),  # noqa: S104
        ("--root my_dir", {}, f"{ROOTS} 'my_dir'"),
        ("", {"SALES_HTTP_ROOTS": "/data:my_dir"}, f"{ROOTS} 'my_dir'"),
        ("", {"SALES_HTTP_ROOTS": "/data/x "}, f"{ROOTS} '/data/x '"),
        ("", {"SALES_HTTP_ROOTS": "/data/x\u0085"}, f"{ROOTS} '/data/x\\x85'"),
        ("--root /data/x%0a", {"SALES_HTTP_ROOTS": "/data"}, f"{ROOTS} '/data/x%0a'"),
        ("", {"BASE_DIR": "memory://sales"}, "SALES_HTTP_ROOTS"),
        ("", {"DAGSTER_HOME": "/nowhere"}, '$DAGSTER_HOME "/nowhere"'),
    ],
    ids=str,
)
def test_what_cannot_be_served_is_refused(
    python: Command, options: str, variables: dict[str, str], reason: str
) -> None:
    result = python(*HTTP_JOBS, *options.split(), **variables)
    assert (result.returncode, reason in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("token", ["two words", "two\nlines", "t\u00f6ken"])
def test_a_token_that_no_client_can_send_is_refused_and_not_shown(
    python: Command, token: str
) -> None:
    result = python(*HTTP_JOBS, SALES_HTTP_TOKEN=token)
    assert (result.returncode, "SALES_HTTP_TOKEN" in result.stderr) == (2, True)
    assert token not in result.stderr


def test_a_home_that_is_not_set_and_a_port_that_is_taken_are_named(python: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = python(*HTTP_JOBS, "--raw-port", str(port), DAGSTER_HOME="")
    assert result.returncode == 2
    assert "DAGSTER_HOME is not set: runs are recorded in a temporary directory" in result.stderr
    assert f"127.0.0.1:{port} (--raw-port)" in result.stderr


def test_a_tmpdir_that_is_too_long_for_sockets_is_named(
    new_python: Command, tmp_path: Path
) -> None:
    directory = tmp_path / ("x" * 100)
    directory.mkdir()
    result = new_python(*HTTP_JOBS, TMPDIR=str(directory))
    assert result.returncode == 2
    assert f"cannot create a socket in {directory}" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_settings_of_a_dot_env_are_read(python: Command, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SALES_HTTP_ROOTS=from_dot_env\n")
    assert f"{ROOTS} 'from_dot_env'" in python(*HTTP_JOBS).stderr


def test_root_and_the_roots_of_the_setting_and_base_dir_all_count(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    with running_http_jobs(
        tmp_path, "--root", str(one), SALES_HTTP_ROOTS=str(other), SALES_API_URL="sample"
    ) as jobs:
        for root in (one, other, jobs.storage):
            raw_dir = f"{root}/raw/sales/2022-08-09"
            assert jobs.raw("2022-08-09", raw_dir=raw_dir).status_code == 201
