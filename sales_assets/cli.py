"""The command `sales-assets`: what there is to run beside Dagster's own commands."""

import os
from pathlib import Path

import click
from dotenv import load_dotenv

from sales_assets.sales_api import TOKEN_VARIABLE


@click.group()
def main() -> None:
    """Tools of the sales_assets project."""


@main.command("sample-api")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--faults",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file that says what goes wrong; the README shows one.",
)
def sample_api(port: int, faults: Path | None) -> None:
    """Serve the sample API on loopback until Ctrl-C.

    Its token is whatever AUTH_TOKEN holds.
    """
    from sales_assets.sample_api import SampleApi
    from sales_assets.sample_faults import Faults, InvalidFaultsError

    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise click.UsageError(
            f"{TOKEN_VARIABLE} is not set: choose a token, set {TOKEN_VARIABLE} to it here and "
            "where the assets run"
        )
    try:
        api = SampleApi(token, port=port, faults=Faults.read(faults) if faults else None)
    except InvalidFaultsError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"sample sales (invented) at {api.url}; use it with SALES_API_URL={api.url}")
    try:
        api.serve_forever()
    except KeyboardInterrupt:
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
    """Pull rides into SQLite until SIGTERM or Ctrl-C, without a Dagster run.

    Reads RIDES_API_URL and RIDES_DB as the asset `rides` does, and may run beside it.
    """
    load_dotenv(".env", override=True)
    import logging

    import dagster as dg

    from sales_assets.definitions import rides_api, rides_database
    from sales_assets.rides_pull import serve

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("sales_assets").setLevel(logging.INFO)
    try:
        with rides_api.open() as api:
            tally = serve(api, rides_database, interval)
    except dg.Failure as failure:
        raise click.ClickException(str(failure)) from failure
    click.echo(f"stopped: {tally}")
