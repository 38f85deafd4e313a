"""What to run after days could not be stored: commands to paste into a shell, and what to click.

The errors themselves describe what went wrong.
"""

import datetime
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any

import dagster as dg

from sales_assets.feed.stream import EveryDayFailsError, TornDayError
from sales_assets.http.secrets import redacted

FOLLOWING_SENSOR = "stg_follows_raw"
"""The sensor that materializes assets downstream of stored days."""

_SHOWN = 10
"""Errors, and commands."""


class FailedDaysError(dg.Failure):
    """Some days of a range could not be stored; the others were stored and recorded.

    Args:
        asset: The asset.
        failed: The error of each failed day.
        left: Days that were not tried, since they would have failed, too.
        stored: The days that were stored.
        to_run: The assets to materialize for the other days.
        downstream: The downstream assets, which did not run.
    """

    def __init__(
        self,
        asset: str,
        failed: Mapping[str, Exception],
        left: Sequence[str],
        stored: Sequence[str],
        to_run: Sequence[str],
        downstream: Sequence[str],
    ) -> None:
        missing = sorted([*failed, *left])
        torn = [day for day, error in failed.items() if isinstance(error, TornDayError)]
        lines = [
            f"{asset}: {len(failed)} of {_days(len(missing) + len(stored))} failed; existing data "
            f"was kept{f', except for {boxes(torn)}' if torn else ''}"
        ]
        errors = _different([failed[day] for day in sorted(failed)])
        lines += [indent(text, "  ") for text in errors[:_SHOWN]]
        if len(errors) > _SHOWN:
            lines.append(f"  ... and {len(errors) - _SHOWN} more errors; see each partition")
        if left:
            days = "day was" if len(left) == 1 else "days were"
            lines.append(f"{len(left)} more {days} not attempted")
        if stored:
            not_run = " and ".join([*downstream, f"the checks of {asset}"])
            lines.append(
                f"{_days(len(stored))} {_were(len(stored))} stored and recorded; {not_run} did not "
                f"run for {'it' if len(stored) == 1 else 'them'}"
            )
        lines += steps(to_run, missing, sorted(stored), downstream)
        super().__init__("\n".join(lines))


def steps(
    assets: Sequence[str], missing: Sequence[str], stored: Sequence[str], downstream: Sequence[str]
) -> Iterator[str]:
    """Return what to run after days of a range have failed, in lines.

    Args:
        assets: The assets to run for the days that were not stored: their asset, preceded by any
            upstream asset that has to run first.
        missing: The days that were not stored.
        stored: The days that were stored, for which nothing downstream ran.
        downstream: The assets made from the last of `assets`.
    """
    if stored and downstream:
        names = " and ".join(downstream)
        yield (
            f"for the stored days, the sensor {FOLLOWING_SENSOR} materializes {names} while a "
            "daemon runs; without one, run:"
        )
        yield from _commands(downstream, stored)
    every = [*assets, *downstream]
    yield (
        f"to run the failed days again (in the UI: {' and '.join(every)}, Materialize, "
        f"{boxes(missing)}):"
    )
    yield from _commands(every, missing)


def say_what_to_run(error: Exception, command: str) -> None:
    """Add the command that reruns it to the error of a one-day run."""
    if isinstance(error, dg.Failure):
        error.description = f"{error}\nto run this day again:\n  {command}"
        error.args = (error.description,)


def command(assets: Sequence[str], first: str, last: str) -> str:
    """Return the command that materializes the days from `first` to `last`."""
    span = f"--partition {first}" if first == last else f"--partition-range {first}...{last}"
    return (
        f"dagster asset materialize -m sales_assets.definitions --select {','.join(assets)} {span}"
    )


def boxes(days: Sequence[str]) -> str:
    """Format days for the partition box in the UI."""
    return ", ".join(
        first if first == last else f"[{first}...{last}]" for first, last in spans(days)
    )


def spans(days: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield spans of consecutive days, each as its first and last day."""
    days = sorted(days)
    ordinals = [datetime.date.fromisoformat(day).toordinal() - n for n, day in enumerate(days)]
    for _, row in itertools.groupby(zip(ordinals, days, strict=True), key=lambda pair: pair[0]):
        neighbors = [day for _, day in row]
        yield neighbors[0], neighbors[-1]


def config_json(asset: str, **config: Any) -> str:
    """Return the run configuration that sets these options of an asset."""
    return json.dumps({"ops": {asset: {"config": config}}})


def one_line(error: Exception) -> str:
    """Return the text of an error on one line."""
    return " ".join(text_of(error).split())


def text_of(error: Exception) -> str:
    """Return the text of an error; for a foreign error, add its type and redact secrets."""
    return str(error) if isinstance(error, dg.Failure) else redacted(repr(error))


def _different(errors: Sequence[Exception]) -> list[str]:
    """List the texts of errors; one that fails every day is listed once, whatever its address."""
    texts: dict[object, str] = {}
    for error in errors:
        text = text_of(error)
        texts.setdefault(type(error) if isinstance(error, EveryDayFailsError) else text, text)
    return [*texts.values()]


def _commands(assets: Sequence[str], days: Sequence[str]) -> Iterator[str]:
    found = [*spans(days)]
    for first, last in found[:_SHOWN]:
        yield f"  {command(assets, first, last)}"
    if len(found) > _SHOWN:
        # One range over all of them would rerun the days in between.
        yield f"  ... and {len(found) - _SHOWN} more, as listed for the UI"


def _days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
