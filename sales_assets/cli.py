"""The command `sales-assets`: what there is to run beside Dagster's own commands."""

import os

import click
from dotenv import load_dotenv

from sales_assets.sales_api import TOKEN_VARIABLE


@click.group()
def main() -> None:
    """Tools of the sales_assets project."""


@main.command("sample-api")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def sample_api(port: int) -> None:
    """Serve the sample API on loopback until Ctrl-C.

    Its token is whatever AUTH_TOKEN holds.
    """
    from sales_assets.sample_api import SampleApi

    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise click.UsageError(
            f"{TOKEN_VARIABLE} is not set: choose a token, set {TOKEN_VARIABLE} to it here and "
            "where the assets run"
        )
    api = SampleApi(token, port=port)
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
