"""The command `sales-assets http-jobs`: serves both jobs until a signal arrives."""

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sales_assets import settings
from sales_assets.http.address import is_loopback, path_or_scheme
from sales_assets.http.tokens import check_token
from sales_assets.settings import InvalidSettingError
from sales_assets.storage.location import location

if TYPE_CHECKING:
    import dagster as dg

_log = logging.getLogger(__name__)


def serve(
    host: str,
    ports: Mapping[str, int],
    roots: Sequence[Path],
    token: str | None,
    at_a_time: int,
    stop_within: float,
) -> None:
    """Serve until SIGTERM or Ctrl-C; print the address of each job.

    Args:
        host: The address to listen on.
        ports: Port by layer (`raw`, `stg`) of the jobs to serve; 0 for any free one.
        roots: Paths below which requests may use directories, in addition to `BASE_DIR`.
        token: The token that requests must send, if any.
        at_a_time: Maximum number of concurrent runs.
        stop_within: Seconds to let running jobs finish.

    Raises:
        InvalidSettingError: The token or a root is invalid.
        UsageError: One of the others, `TMPDIR` or the instance cannot be used.
    """
    _check(host, roots, token)
    # The fork server imports the definitions while this process does, too; runs wait for it.
    forkserver.set_forkserver_preload(["sales_assets.http_jobs.runs"])
    try:
        forkserver.ensure_running()
    except OSError as error:
        raise click.UsageError(
            f"cannot create a socket in {tempfile.gettempdir()} ({error}): set TMPDIR to a short, "
            "writable path, such as /tmp"
        ) from error
    from sales_assets.definitions import BASE_DIR
    from sales_assets.http_jobs import server
    from sales_assets.http_jobs.app import create_app
    from sales_assets.http_jobs.runs import MAX_ACCEPTED, Runs, log_to_stderr

    base = location(BASE_DIR)
    if isinstance(base, Path):
        roots = (base, *roots)
    if not roots:
        raise click.UsageError(f"BASE_DIR {base} is not a local path: set SALES_HTTP_ROOTS")
    log_to_stderr()
    with _instance() as instance:
        runs = Runs(instance, at_a_time)
        runs.mark_what_was_left()
        apps = {}
        for layer, port in ports.items():
            try:
                listening = server.listen(host, port)
            except OSError as error:
                raise click.UsageError(
                    f"cannot listen on {host}:{port} (--{layer}-port): {error}"
                ) from error
            asset = f"{layer}_sales"
            apps[listening] = create_app(asset, runs, roots, token)
            shown = f"[{host}]" if ":" in host else host
            click.echo(f"{asset}: POST http://{shown}:{listening.getsockname()[1]}/")
        # More threads than accepted requests, so that /health always gets one.
        server.serve(apps, MAX_ACCEPTED + 4, lambda: runs.close(stop_within))
    if not runs.close(0):
        # Python would wait for the thread of a run that hangs.
        _log.error("stopped without responding to a request: its run hangs")
        os._exit(1)


def _check(host: str, roots: Sequence[Path], token: str | None) -> None:
    if token:
        check_token(token, "SALES_HTTP_TOKEN")
    elif not is_loopback(host):
        raise click.UsageError(
            f"--host {host} can be reached from other machines: set SALES_HTTP_TOKEN, which "
            "clients then send as Authorization: Bearer ..., or use --host 127.0.0.1"
        )
    setting, expected = "--root or SALES_HTTP_ROOTS", "absolute paths"
    for root in roots:
        if path_or_scheme(str(root), setting, expected) != root:
            raise InvalidSettingError(setting, str(root), expected)


def _instance() -> "dg.DagsterInstance":
    """Open the instance in `DAGSTER_HOME`, or a temporary one when that is not set."""
    import dagster as dg

    if not settings.read().dagster_home:
        _log.warning(
            "DAGSTER_HOME is not set: runs are recorded in a temporary directory, which the UI "
            "does not see, and which is deleted when the server stops"
        )
        return dg.DagsterInstance.local_temp()
    try:
        return dg.DagsterInstance.get()
    except dg.DagsterInvariantViolationError as error:
        raise click.UsageError(str(error)) from error
