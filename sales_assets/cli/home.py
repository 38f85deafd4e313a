"""The command that sets up a DAGSTER_HOME."""

import shlex
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
