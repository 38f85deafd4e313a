"""The commands `verify` and `status`, which report on days."""

import datetime
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sales_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


@click.command()
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


@click.command()
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
