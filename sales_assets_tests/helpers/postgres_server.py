"""A real Postgres of Debian's package: a cluster of its own, on loopback, for as long as needed."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

USER = DATABASE = "dagster"


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def as_user(name: str | None) -> dict[str, Any]:
    """Give what has `subprocess` run a command as another user, or as whoever runs this."""
    if not name:
        return {}
    return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


@contextmanager
def running_postgres(password: str) -> Iterator[int]:
    """Set a cluster up and run it; give its port.

    Args:
        password: That of `USER`, who owns the empty `DATABASE`.

    Raises:
        FileNotFoundError: Postgres is not installed.
    """
    programs = _programs()
    # The server refuses to run as root; Debian's package brings the user for it.
    user = "postgres" if os.geteuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="postgres-") as temporary:
        directory = Path(temporary)
        (directory / "password").write_text(password)
        if user:
            for path in (directory, directory / "password"):
                shutil.chown(path, user)

        def run(program: str, *arguments: str) -> None:
            subprocess.run(  # noqa: S603 - our own command
                [programs / program, *arguments],
                cwd=directory,
                env={**os.environ, "PGPASSWORD": password},
                **as_user(user),
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


def _programs() -> Path:
    # Debian keeps the programs of a server out of PATH.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: p.parts[-3])
    found = str(versions[-1]) if versions else shutil.which("initdb")
    if not found:
        raise FileNotFoundError("initdb is not there: apt-get install postgresql")
    return Path(found).parent
