"""The command `sales-assets http-jobs`: serves both jobs until a signal arrives."""

import asyncio
import logging
import os
import tempfile
from collections.abc import Sequence
from multiprocessing import forkserver
from pathlib import Path

import click

from sales_assets.http.address import is_loopback, path_or_scheme
from sales_assets.http.tokens import check_token
from sales_assets.settings import InvalidSettingError, Settings
from sales_assets.storage.location import location

_log = logging.getLogger(__name__)


@click.command("http-jobs")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--raw-port", type=click.IntRange(0, 65535), default=8081, show_default=True)
@click.option("--stg-port", type=click.IntRange(0, 65535), default=8082, show_default=True)
@click.option("--only", type=click.Choice(["raw", "stg"]), help="Serve only one of the two jobs.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Absolute path below which requests may use directories, in addition to BASE_DIR and "
    "SALES_HTTP_ROOTS.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="number of cores",
    help="Maximum number of concurrent runs; other requests wait.",
)
@click.option(
    "--stop-within",
    type=click.FloatRange(min=0),
    default=3600,
    show_default=True,
    help="Seconds to let running jobs finish after Ctrl-C or SIGTERM.",
)
@click.pass_obj
def http_jobs(
    set_to: Settings,
    host: str,
    raw_port: int,
    stg_port: int,
    only: str | None,
    roots: tuple[Path, ...],
    jobs: int,
    stop_within: float,
) -> None:
    """Serve raw_sales and stg_sales as HTTP jobs until Ctrl-C or SIGTERM.

    Each request becomes a run in its own process. If SALES_HTTP_TOKEN is set, requests must send it
    as `Authorization: Bearer TOKEN`.
    """
    ports = {"raw": raw_port, "stg": stg_port}
    if only:
        ports = {only: ports[only]}
    roots += tuple(Path(root) for root in set_to.sales_http_roots.split(os.pathsep) if root)
    token = set_to.sales_http_token
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
    import dagster as dg

    from sales_assets.definitions import BASE_DIR
    from sales_assets.http_jobs import server
    from sales_assets.http_jobs.app import create_app
    from sales_assets.http_jobs.runs import MAX_ACCEPTED, Runs, log_to_stderr

    base = location(BASE_DIR)
    roots += (base,) if isinstance(base, Path) else ()
    if not roots:
        raise click.UsageError(f"BASE_DIR {base} is not a local path: set SALES_HTTP_ROOTS")
    log_to_stderr()
    home = set_to.dagster_home
    if not home:
        _log.warning(
            "DAGSTER_HOME is not set: runs are recorded in a temporary directory, which the UI "
            "does not see, and which is deleted when the server stops"
        )
    try:
        opened = dg.DagsterInstance.get() if home else dg.DagsterInstance.local_temp()
    except dg.DagsterError as error:
        raise click.UsageError(str(error)) from error
    with opened as instance:
        runs = Runs(instance, jobs)
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
        serving = server.serve(apps, MAX_ACCEPTED + 4, lambda: runs.close(stop_within))
        asyncio.run(serving)
    if not runs.close(0):
        # Python would wait for the thread of a run that hangs.
        _log.error("stopped without responding to a request: its run hangs")
        os._exit(1)
    click.echo("stopped")


def _check(host: str, roots: Sequence[Path], token: str) -> None:
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
