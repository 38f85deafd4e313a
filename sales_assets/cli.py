"""The command `sales-assets`: what there is to run beside Dagster's own commands."""

import datetime
import itertools
import json
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from dotenv import load_dotenv

from sales_assets import settings
from sales_assets.settings import InvalidSettingError, Settings
from sales_assets.storage.location import location

if TYPE_CHECKING:
    from dagster import DagsterInstance


@click.group()
@click.version_option(package_name="sales_assets")
@click.pass_context
def main(context: click.Context) -> None:
    """Tools of the sales_assets project."""
    _open_standard_streams()
    try:
        load_dotenv(".env", override=True)  # As Dagster's own commands do.
    except ValueError:  # Also of a NUL in a name, which UTF-16 is full of.
        raise click.UsageError(".env is not UTF-8 text: save it as UTF-8") from None
    try:
        context.obj = settings.read()
        location(context.obj.base_dir)
    except InvalidSettingError as error:
        raise click.UsageError(str(error)) from error


@main.command("sample-api")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file that says what goes wrong; docs/guide.md shows one.",
)
@click.pass_obj
def sample_api(set_to: Settings, host: str, port: int, faults: Path | None) -> None:
    """Serve the sample API until Ctrl-C.

    Its token is whatever AUTH_TOKEN holds.
    """
    from sales_assets.http.tokens import InvalidTokenError, check_token
    from sales_assets.sample.api import SampleApi
    from sales_assets.sample.faults import Faults, InvalidFaultsError

    token = set_to.auth_token
    if not token:
        raise click.UsageError(
            "AUTH_TOKEN is not set: choose a token, set AUTH_TOKEN to it here and where the assets "
            "run"
        )
    _log_to_stderr()
    try:
        check_token(token, "AUTH_TOKEN")
        api = SampleApi(token, host=host, port=port, faults=Faults.read(faults) if faults else None)
    except (InvalidFaultsError, InvalidTokenError) as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"sample sales (invented) at {api.url}; use it with SALES_API_URL={api.url}")
    try:
        api.serve_forever()
    except KeyboardInterrupt:
        click.echo("stopped")


@main.command("http-jobs")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--raw-port", type=click.IntRange(0, 65535), default=8081, show_default=True)
@click.option("--stg-port", type=click.IntRange(0, 65535), default=8082, show_default=True)
@click.option("--only", type=click.Choice(["raw", "stg"]), help="Serve one of the jobs.")
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Absolute path below which requests may name directories, besides BASE_DIR and those of "
    "SALES_HTTP_ROOTS.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    show_default="number of cores",
    help="Runs at a time; the others wait for their turn.",
)
@click.option(
    "--stop-within",
    type=click.FloatRange(min=0),
    default=3600,
    show_default=True,
    help="Seconds that runs under way get to end after Ctrl-C or SIGTERM.",
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

    Each request becomes a run, in a process of its own.
    When SALES_HTTP_TOKEN is set, requests have to carry it as `Authorization: Bearer TOKEN`.
    """
    from sales_assets.http_jobs.serve import CannotListenError, CannotServeError, serve

    both = {"raw": raw_port, "stg": stg_port}
    ports = {only: both[only]} if only else both
    more = [Path(root) for root in set_to.sales_http_roots.split(os.pathsep) if root]
    token = set_to.sales_http_token or None
    try:
        serve(host, ports, [*roots, *more], token, jobs, stop_within, click.echo)
    except CannotServeError as error:
        raise click.UsageError(str(error)) from error
    except CannotListenError as error:
        raise click.ClickException(str(error)) from error
    click.echo("stopped")


@main.command("pull-rides")
@click.option(
    "--interval",
    type=click.FloatRange(min=0, max=86400),
    default=5,
    show_default=True,
    help="Seconds between an answer and the next call.",
)
def pull_rides(interval: float) -> None:
    """Pull rides into the database until SIGTERM or Ctrl-C, without a Dagster run.

    Reads RIDES_API_URL and RIDES_DB as the asset `rides` does, and may run beside it.
    """
    import dagster as dg

    from sales_assets.definitions import rides_api, rides_database
    from sales_assets.rides.pull import serve

    _log_to_stderr()
    try:
        with rides_api.open() as api:
            tally = serve(api, rides_database, interval)
    except dg.Failure as failure:
        raise click.ClickException(str(failure)) from failure
    click.echo(f"stopped: {tally}")


@main.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day; all before.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day; all after.")
@click.option("--fix", is_flag=True, help="Record whole days that were not; sweep leftovers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def verify(
    context: click.Context,
    first: datetime.datetime | None,
    last: datetime.datetime | None,
    fix: bool,
    as_json: bool,
) -> None:
    """Compare what Dagster has recorded of each day with what lies in the storage.

    One line is printed for each day that differs. The exit status is 0 only when all agree, or
    when all that differed could be fixed. A day is never deleted.
    """
    set_to: Settings = context.obj
    with _history(set_to, first, last) as instance:
        from sales_assets.definitions import BASE_DIR, LAYERS
        from sales_assets.storage.comparison import Difference
        from sales_assets.verify import Verification

        verification = Verification(instance, LAYERS)
        days = verification.days(*_bounds(first, last))
        if not days:
            raise click.ClickException(
                f"there is nothing to compare: no such day is recorded in {set_to.dagster_home} "
                f"(DAGSTER_HOME) or stored in {BASE_DIR} (BASE_DIR)"
            )
        found: list[tuple[str, Difference]] = []

        def report(day: str, differences: list[Difference]) -> None:
            found.extend((day, difference) for difference in differences)
            if differences and not as_json:
                click.echo(f"{day or 'storage'}  {'; '.join(map(str, differences))}")

        for difference in verification.storage(fix=fix):
            report("", [difference])
        if sys.stderr.isatty():  # Someone is waiting.
            click.echo(f"comparing {len(days)} days", err=True)
        for day in days:
            report(day, verification.day(day, fix=fix))
    left = [difference for _, difference in found if difference.matters]
    if as_json:
        items = [{"day": day or None, **one._asdict()} for day, one in found]
        click.echo(json.dumps({"days": len(days), "differences": items}, indent=2))
    elif not left:
        click.echo(
            "1 day is as recorded" if len(days) == 1 else f"{len(days)} days are as recorded"
        )
    context.exit(1 if left else 0)


@main.command()
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def status(
    context: click.Context,
    first: datetime.datetime | None,
    last: datetime.datetime | None,
    as_json: bool,
) -> None:
    """Say which days are stored, missing, failed, not yet converted, and lately changed.

    From SALES_START_DATE to yesterday, unless told otherwise. The exit status is 0 only when no
    day is missing, and none is older than its source. This reads what Dagster has recorded;
    `verify` reads the files, too.
    """
    set_to: Settings = context.obj
    with _history(set_to, first, last) as instance:
        from sales_assets import status as days_of
        from sales_assets.definitions import LAYERS

        found: dict[str, days_of.LayerStatus] = {}
        days: set[str] = set()
        # Feeds may begin on different days.
        for partitions, layers in itertools.groupby(LAYERS, key=lambda layer: layer.days):
            try:
                between = days_of.days_between(partitions, *_bounds(first, last))
            except days_of.NoSuchDaysError as error:
                raise click.UsageError(str(error)) from error
            days |= set(between)
            found |= days_of.status(instance, [*layers], between, set_to.sales_lookback_days)
    if as_json:
        one_by_one = {name: one._asdict() for name, one in found.items()}
        click.echo(json.dumps({"from": min(days), "to": max(days), "assets": one_by_one}, indent=2))
    else:
        for name, one in found.items():
            click.echo("\n".join(one.lines(name)))
    context.exit(0 if all(one.is_whole for one in found.values()) else 1)


@main.command("init-home")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.pass_obj
def init_home(set_to: Settings, directory: Path | None) -> None:
    """Set DIRECTORY up as a DAGSTER_HOME: its dagster.yaml, and an empty history.

    Without DIRECTORY, that of DAGSTER_HOME. A dagster.yaml that differs is left alone.
    """
    if directory is None and not set_to.dagster_home:
        raise click.UsageError("name a directory, or set DAGSTER_HOME to one")
    home = (directory or Path(set_to.dagster_home)).expanduser().absolute()
    target = home / "dagster.yaml"
    ours = Path(__file__).with_name("instance").joinpath("dagster.yaml").read_bytes()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.read_bytes() != ours:
            raise click.ClickException(
                f"{target} exists, differs, and was left alone: move it away and run this again"
            )
        target.write_bytes(ours)
    except OSError as error:
        raise click.ClickException(f"{target} could not be written: {error.strerror}") from error
    import dagster as dg

    # Two processes that start on a home without a history could damage it.
    dg.DagsterInstance.from_config(str(home)).dispose()
    click.echo(f"export DAGSTER_HOME={shlex.quote(str(home))}")


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)


@contextmanager
def _history(
    set_to: Settings, first: datetime.datetime | None, last: datetime.datetime | None
) -> Iterator["DagsterInstance"]:
    """Open the Dagster instance that has recorded these days.

    Raises:
        UsageError: The range is reversed, or there is no such instance.
    """
    if first and last and first > last:
        raise click.UsageError(f"--from {first:%Y-%m-%d} comes after --to {last:%Y-%m-%d}")
    if not set_to.dagster_home:
        raise click.UsageError(
            "DAGSTER_HOME is not set: set it to the directory of the Dagster instance that has "
            "recorded the days (export DAGSTER_HOME=...)"
        )
    import dagster as dg

    try:
        instance = dg.DagsterInstance.get()
    except dg.DagsterInvariantViolationError as error:
        raise click.UsageError(str(error)) from None
    with instance:
        yield instance


def _bounds(first: datetime.datetime | None, last: datetime.datetime | None) -> tuple[str, str]:
    """Give the first and the last day of a range as texts that all days lie between."""
    return f"{first:%Y-%m-%d}" if first else "", f"{last:%Y-%m-%d}" if last else "9999"


def _open_standard_streams() -> None:
    """Put `/dev/null` in the place of closed standard streams.

    Otherwise the next file that is opened, be it a database, gets their descriptors, to which
    everybody writes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # The lowest that is free.
            os.set_inheritable(descriptor, True)
            setattr(sys, name, os.fdopen(descriptor, mode))


if __name__ == "__main__":
    main()
