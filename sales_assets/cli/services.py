"""The commands that set up a Dagster home, and those that run until they are stopped."""

import logging
import shlex
from contextlib import suppress
from pathlib import Path

import click

from sales_assets.settings import Settings


@click.command("init-home")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.pass_obj
def init_home(set_to: Settings, directory: Path | None) -> None:
    """Set up DIRECTORY (default: $DAGSTER_HOME) as a Dagster home.

    Writes dagster.yaml and creates an empty history. An existing dagster.yaml that differs is kept.
    """
    if directory is None and not set_to.dagster_home:
        raise click.UsageError("pass a directory, or set DAGSTER_HOME to one")
    home = (directory or Path(set_to.dagster_home)).expanduser().absolute()
    target = home / "dagster.yaml"
    ours = Path(__file__).parents[1].joinpath("instance", "dagster.yaml").read_bytes()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.read_bytes() != ours:
            raise click.ClickException(
                f"{target} exists and differs, so it was kept: move it away and run this again"
            )
        target.write_bytes(ours)
    except OSError as error:
        raise click.ClickException(f"{target} could not be written: {error.strerror}") from error
    import dagster as dg

    # Two processes that start on a home without a history could damage it.
    dg.DagsterInstance.from_config(str(home)).dispose()
    click.echo(f"export DAGSTER_HOME={shlex.quote(str(home))}")


@click.command("sample-api")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file that describes the faults to inject; see docs/guide.md.",
)
@click.pass_obj
def sample_api(set_to: Settings, host: str, port: int, faults: Path | None) -> None:
    """Serve the sample API until Ctrl-C.

    Requests must carry the value of AUTH_TOKEN as their token.
    """
    from sales_assets.http.tokens import check_token
    from sales_assets.sample.api import SampleApi
    from sales_assets.sample.faults import Faults

    token = set_to.auth_token
    if not token:
        raise click.UsageError(
            "AUTH_TOKEN is not set: choose a token, and set AUTH_TOKEN to it here and where the "
            "assets run"
        )
    check_token(token, "AUTH_TOKEN")
    _log_to_stderr()
    found = Faults.read(faults) if faults else Faults()
    api = SampleApi(token, host=host, port=port, faults=found)
    click.echo(f"sample sales (invented) at {api.url}; use it with SALES_API_URL={api.url}")
    with suppress(KeyboardInterrupt):
        api.serve_forever()
    click.echo("stopped")


@click.command("pull-rides")
@click.option(
    "--interval",
    type=click.FloatRange(min=0, max=86400),
    default=5,
    show_default=True,
    help="Seconds between a response and the next call.",
)
def pull_rides(interval: float) -> None:
    """Pull rides into the database until SIGTERM or Ctrl-C, without a Dagster run.

    Uses RIDES_API_URL and RIDES_DB, as the asset `rides` does; both may run at the same time.
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


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)
