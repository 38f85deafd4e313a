"""The command `sales-assets`: what there is to run beside Dagster's own commands."""

import os

import click

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
