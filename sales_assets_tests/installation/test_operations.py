"""The commands of `deploy/operations.md`, with processes in the place of containers."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sales_assets_tests.helpers.documents import NOT_RUN, blocks
from sales_assets_tests.helpers.files import PROJECT
from sales_assets_tests.helpers.postgres_server import running_postgres
from sales_assets_tests.helpers.programs import Program, free_port
from sales_assets_tests.helpers.raw_server import RawServer, answer, read_request
from sales_assets_tests.helpers.topology import word

pytestmark = pytest.mark.topology

COMPOSE = """
set -euo pipefail
compose() {
    case "$1" in
    exec) shift 3 ;;                    # exec -T SERVICE
    run) shift 5 ;;                     # run --rm --no-deps -T SERVICE
    *) return ;;                        # There is nothing to start or stop.
    esac
    "${@//\\/data/$DATA}"
}
"""


def commands(*words: str) -> str:
    """The blocks that have one of these words in them, in their order."""
    found = [
        block.text
        for block in blocks("deploy/operations.md")
        if (block.way, block.detail) == (NOT_RUN, "test_operations.py runs it")
    ]
    chosen = [text for text in found if any(word in text for word in words)]
    assert len(chosen) == len(words)
    return "".join(chosen)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """That of a shell whose commands find Postgres, the instance and the storage."""
    password, home = word(), tmp_path / "home"
    home.mkdir()
    shutil.copy(PROJECT / "deploy/dagster.yaml", home)
    with running_postgres(password) as port:
        yield {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGPASSWORD": password,
            "DAGSTER_POSTGRES_URL": f"postgresql://dagster:{password}@127.0.0.1:{port}/dagster",
            "DAGSTER_HOME": str(home),
            "DAGSTER_COMPUTE_LOGS": str(tmp_path / "data/compute_logs"),
            "DATA": str(tmp_path / "data"),
            "BASE_DIR": str(tmp_path / "data/storage"),
            "SALES_API_URL": "sample",
        }


def shell(script: str, directory: Path, environment: dict[str, str]) -> str:
    """Run commands of the document; give what they print."""
    ended = subprocess.run(  # noqa: S603 - our own document
        ["/bin/bash", "-c", COMPOSE + script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_what_was_backed_up_is_there_after_a_restore(
    environment: dict[str, str], tmp_path: Path
) -> None:
    verify = "compose exec -T code-location sales-assets verify\n"
    materialize = commands("asset materialize").replace(verify, "") + verify
    shell(f"dagster instance migrate\n{materialize}", tmp_path, environment)
    shell(commands("pg_dump"), tmp_path, environment)
    shutil.rmtree(tmp_path / "data/storage")
    restored = shell(commands("pg_restore") + verify, tmp_path, environment)
    assert restored.splitlines()[-1] == "1 day is as recorded"
    # Without a dump, what is whole is recorded anew.
    empty = commands("pg_restore").replace("pg_restore", "true").replace("data.tar", "/dev/null")
    empty = empty.replace("tar -C", "true -C") + verify
    migrate = empty.replace("compose up -d\n", "dagster instance migrate\n")
    rebuilt = shell(migrate, tmp_path, environment)
    assert rebuilt.splitlines()[-1] == "1 day is as recorded"


def test_the_password_of_the_database_changes(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(exist_ok=True)
    assert " kB" in shell(commands("pg_size_pretty"), tmp_path, environment)
    again = 'PGPASSWORD=$new_password psql --username dagster --command "SELECT 1"'
    shell(f"{commands('ALTER USER')}\n{again}", tmp_path, environment)
    with pytest.raises(AssertionError, match="password authentication failed"):
        shell("psql --username dagster", tmp_path, environment)


def echo(connection: socket.socket) -> None:
    connection.sendall(answer(read_request(connection)))


@pytest.mark.skipif(not shutil.which("nginx", path="/usr/sbin"), reason="nginx is not installed")
def test_the_proxy_asks_for_a_password_before_the_ui(tmp_path: Path) -> None:
    password, port = word(), free_port()
    path = {"PATH": os.environ["PATH"], "PASSWORD": password}
    shell(commands("openssl req"), tmp_path, path)
    with RawServer(echo) as behind:
        site = (PROJECT / "deploy/nginx.conf").read_text()
        for old, new in {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/nginx": str(tmp_path),
            "127.0.0.1:3000": f"127.0.0.1:{behind.port}",
        }.items():
            assert old in site
            site = site.replace(old, new)
        (tmp_path / "site.conf").write_text(site)
        (tmp_path / "nginx.conf").write_text(
            f"pid {tmp_path}/pid; error_log stderr; daemon off; events {{}}\n"
            f"user {os.environ.get('USER', 'root')};\n"
            f"http {{ access_log off; include {tmp_path}/site.conf; }}\n"
        )
        with Program(["/usr/sbin/nginx", "-c", tmp_path / "nginx.conf"], tmp_path / "out") as nginx:

            def asked(**more: Any) -> requests.Response:
                url = f"https://127.0.0.1:{port}/runs"
                return requests.get(url, verify=False, timeout=30, **more)  # noqa: S501

            nginx.wait_until(lambda: asked().status_code)
            assert asked().status_code == 401
            assert asked(auth=("alice", word())).status_code == 401
            shown = asked(auth=("alice", password), headers={"Upgrade": "websocket"})
            assert shown.status_code == 200
            assert "Upgrade: websocket" in shown.text
            assert "Authorization" not in shown.text
