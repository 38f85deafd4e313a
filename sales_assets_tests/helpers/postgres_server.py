"""A real Postgres of Debian's package: a cluster of its own, on loopback, for as long as needed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sales_assets_tests.helpers.programs import free_port

USER = DATABASE = "dagster"


@contextmanager
def running_postgres(password: str) -> Iterator[int]:
    """Set a cluster up and run it; give its port. `USER` owns the empty `DATABASE`."""
    # Debian keeps the programs of a server out of PATH.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    found = str(versions[-1]) if versions else shutil.which("initdb")
    if not found:
        raise FileNotFoundError("initdb is not there: apt-get install postgresql")
    programs = Path(found).parent
    # The server refuses to run as root; Debian's package brings the user for it.
    other = {"user": "postgres", "group": "postgres", "extra_groups": []}
    as_user: dict[str, Any] = other if os.geteuid() == 0 else {}
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as temporary:
        directory = Path(temporary)
        (directory / "password").write_text(password)
        if as_user:
            for path in (directory, directory / "password"):
                shutil.chown(path, "postgres")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(  # noqa: S603 - our own command
                [programs / program, *arguments],
                cwd=directory,
                env={**os.environ, "PGPASSWORD": password},
                **as_user,
                check=True,
                stdout=subprocess.DEVNULL,
                timeout=60,
            )

        data = str(directory / "data")
        given = f"--pwfile={directory / 'password'}"
        run("initdb", "-D", data, "-U", USER, given, "--auth=scram-sha-256", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        run("pg_ctl", "-D", data, "-o", options, "-l", str(directory / "log"), "-w", "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, DATABASE)
            yield port
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
