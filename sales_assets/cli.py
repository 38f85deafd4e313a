"""The command `sales-assets`: what there is to run beside Dagster's own commands."""

import datetime
import json
import os
from pathlib import Path
from typing import Any

import click
import dagster as dg
from tqdm import tqdm

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
    if not os.environ.get("DAGSTER_HOME"):
        raise click.UsageError(
            "DAGSTER_HOME is not set: set it to the directory of the Dagster instance that has "
            "recorded the days (export DAGSTER_HOME=...)"
        )
    from sales_assets.definitions import defs
    from sales_assets.sales import raw_sales, stg_sales
    from sales_assets.verify import Difference, Layer, Verification

    resources: Any = defs.resources
    with dg.DagsterInstance.get() as instance:
        verification = Verification(
            instance,
            Layer(raw_sales.key, resources["json_pages"]),
            Layer(stg_sales.key, resources["avro_file"]),
        )
        days = verification.days(
            f"{first:%Y-%m-%d}" if first else "", f"{last:%Y-%m-%d}" if last else "9999"
        )
        found: list[tuple[str, Difference]] = []

        def report(day: str, differences: list[Difference]) -> None:
            found.extend((day, difference) for difference in differences)
            if differences and not as_json:
                texts = (
                    f"{one.where}: {one.kind}{' (fixed)' if one.fixed else ''}: {one.detail}"
                    for one in differences
                )
                tqdm.write(f"{day or 'storage'}  {'; '.join(texts)}")

        for difference in verification.storage(fix=fix):
            report("", [difference])
        # The bar is for people: it keeps quiet where there is no terminal.
        for day in tqdm(days, unit="day", disable=None, leave=False):
            report(day, verification.day(day, fix=fix))
    left = [difference for _, difference in found if not difference.fixed]
    if as_json:
        items = [{"day": day or None, **one._asdict()} for day, one in found]
        click.echo(json.dumps({"days": len(days), "differences": items}, indent=2))
    elif not left:
        click.echo(f"{len(days)} days are as recorded")
    context.exit(1 if left else 0)
