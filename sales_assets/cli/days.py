"""The commands `verify` and `status`, which report on days."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from sales_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


_DAY = click.DateTime(["%Y-%m-%d"])
_FROM = click.option(
    "--from", "first", type=_DAY, default="1000-01-01", help="First day (default: all days)."
)
_TO = click.option(
    "--to", "last", type=_DAY, default="9999-12-31", help="Last day (default: all days)."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command()
@_FROM
@_TO
@_JSON
@click.option("--fix", is_flag=True, help="Record unrecorded days and remove leftovers.")
@click.pass_obj
def verify(set_to: Settings, first: datetime, last: datetime, fix: bool, as_json: bool) -> None:
    """Compare Dagster's record of each day with what is stored.

    Prints a line for each day that differs. The exit status is 0 only if all days match, or if
    every difference was fixed. Never deletes a day.

    \b
    Examples:
      sales-assets verify
      sales-assets verify --from 2022-08-09 --to 2022-08-15
      sales-assets verify --fix
    """  # noqa: D301 - for click
    with _history(set_to, first, last) as instance:
        from sales_assets.definitions import BASE_DIR, LAYERS
        from sales_assets.storage.comparison import Difference
        from sales_assets.verify import Verification

        verification = Verification(instance, LAYERS)
        days = verification.days(f"{first:%F}", f"{last:%F}")
        if not days:
            raise click.ClickException(
                f"nothing to compare: no such day is recorded in {set_to.dagster_home} "
                f"(DAGSTER_HOME) or stored in {BASE_DIR} (BASE_DIR)"
            )
        found: list[tuple[str, Difference]] = []
        for day in ("", *days):
            differences = verification.day(day, fix=fix) if day else verification.storage(fix=fix)
            found += [(day, one) for one in differences]
            if differences and not as_json:
                click.echo(f"{day or 'storage'}  {'; '.join(map(str, differences))}")
    is_sound = not any(one.matters for _, one in found)
    if as_json:
        items = [{"day": day or None, **one._asdict()} for day, one in found]
        click.echo(json.dumps({"days": len(days), "differences": items}, indent=2))
    elif is_sound:
        every_day = f"{len(days)} days are as recorded"
        click.echo("1 day is as recorded" if len(days) == 1 else every_day)
    sys.exit(0 if is_sound else 1)


@click.command()
@_FROM
@_TO
@_JSON
@click.pass_obj
def status(set_to: Settings, first: datetime, last: datetime, as_json: bool) -> None:
    """List the days that are missing, failed, not yet converted, or recently changed.

    Covers SALES_START_DATE to yesterday unless you give a range. The exit status is 0 only if no
    day is missing or older than its source. Reads only Dagster's records; `verify` also reads the
    files.

    \b
    Examples:
      sales-assets status
      sales-assets status --from 2022-08-09 --to 2022-08-15
    """  # noqa: D301 - for click
    with _history(set_to, first, last) as instance:
        from sales_assets import status as days_of
        from sales_assets.definitions import LAYERS

        lookback = set_to.sales_lookback_days
        found = days_of.status(instance, LAYERS, f"{first:%F}", f"{last:%F}", lookback)
    if as_json:
        days = [day for one in found.values() for day in (*one.stored, *one.missing)]
        one_by_one = {name: one._asdict() for name, one in found.items()}
        click.echo(json.dumps({"from": min(days), "to": max(days), "assets": one_by_one}, indent=2))
    else:
        for name, one in found.items():
            click.echo("\n".join(one.lines(name)))
    sys.exit(0 if all(one.is_whole for one in found.values()) else 1)


@contextmanager
def _history(set_to: Settings, first: datetime, last: datetime) -> Iterator["DagsterInstance"]:
    """Open the Dagster instance that has recorded these days.

    Raises:
        UsageError: The range is reversed, or there is no such instance.
    """
    if first > last:
        raise click.UsageError(f"--from {first:%F} is after --to {last:%F}")
    if not set_to.dagster_home:
        raise click.UsageError(
            "DAGSTER_HOME is not set: set it to the directory of the Dagster instance that "
            "recorded the days (export DAGSTER_HOME=...)"
        )
    import dagster as dg

    try:
        instance = dg.DagsterInstance.get()
    except dg.DagsterError as error:
        raise click.UsageError(str(error)[:300]) from None
    with instance:
        yield instance
