"""What the command `sales-assets http-jobs` does: both jobs, served until a signal comes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sales_assets.http.address import is_loopback
from sales_assets.http.tokens import InvalidTokenError, check_token
from sales_assets.http_jobs.fork_server import begin_importing
from sales_assets.storage.location import location


class CannotServeError(Exception):
    """The jobs cannot be served in this way; says what to change."""


class CannotListenError(Exception):
    """A port is taken, or this user may not open it."""


def serve(
    host: str,
    ports: Mapping[str, int],
    roots: Sequence[Path],
    token: str | None,
    at_a_time: int,
    stop_within: float,
    say: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        host: Where to listen.
        ports: Port by layer (`raw`, `stg`) of the jobs to serve; 0 for any free one.
        roots: Absolute paths below which requests may name directories, besides `BASE_DIR`.
        token: What requests have to carry, if anything.
        at_a_time: How many runs go at a time.
        stop_within: Seconds that runs under way get to end.
        say: Is told where each job is served.

    Raises:
        CannotServeError: Of the token, the host, a root or the instance.
        CannotListenError: Of the host or a port.
    """
    _check(host, roots, token)
    # Runs wait for the fork server; it imports what this process does, at the same time.
    begin_importing()
    import dagster as dg

    from sales_assets.definitions import BASE_DIR
    from sales_assets.http_jobs.app import HTTP_JOBS, create_app
    from sales_assets.http_jobs.run_process import log_to_stderr
    from sales_assets.http_jobs.runs import MAX_ACCEPTED, Runs, open_instance
    from sales_assets.http_jobs.server import HttpServer

    base = location(BASE_DIR)
    if isinstance(base, Path):
        roots = (base.absolute(), *roots)
    if not roots:
        raise CannotServeError(f"BASE_DIR {base} is no local path: set SALES_HTTP_ROOTS")
    # A few threads more than requests that can be accepted, so that /health is always answered.
    server = HttpServer(host, threads=MAX_ACCEPTED + 4)
    log_to_stderr()
    try:
        instance = open_instance()
    except dg.DagsterInvariantViolationError as error:
        raise CannotServeError(str(error)) from error
    with instance:
        runs = Runs(instance, at_a_time=at_a_time)
        for layer, port in ports.items():
            job = HTTP_JOBS[layer]
            try:
                url = server.listen(create_app(job, runs, roots, token), port)
            except OSError as error:
                raise CannotListenError(f"cannot listen on {host}:{port}: {error}") from error
            say(f"{job.asset}: POST {url}")
        server.run(runs.stop, runs.end, stop_within)


def _check(host: str, roots: Sequence[Path], token: str | None) -> None:
    if token:
        try:
            check_token(token, "SALES_HTTP_TOKEN")
        except InvalidTokenError as error:
            raise CannotServeError(str(error)) from error
    elif not is_loopback(host):
        raise CannotServeError(
            f"--host {host} can be reached from elsewhere: set SALES_HTTP_TOKEN, which clients "
            "then send as Authorization: Bearer ..., or use --host 127.0.0.1"
        )
    for root in roots:
        if not root.is_absolute():
            raise CannotServeError(
                f"root {root} of --root or SALES_HTTP_ROOTS is not an absolute path"
            )
