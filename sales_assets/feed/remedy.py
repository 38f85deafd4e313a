"""What to run after days could not be stored: commands to paste into a shell, and what to click."""

import datetime
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


class FailedDaysError(dg.Failure):
    """Some days of a range could not be stored; the others were stored and recorded.

    Args:
        left: Days that were not tried, since they would have failed, too.
        to_run: The asset, preceded by any upstream asset that has to run first.
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
        except_for = f", except for {boxes(torn)}" if torn else ""
        lines = [
            f"{asset}: {len(failed)} of {len(missing) + len(stored)} days failed; existing data "
            f"was kept{except_for}"
        ]
        errors: dict[object, str] = {}
        for _, error in sorted(failed.items()):
            # One that fails every day is listed once, whatever its address.
            text = text_of(error)
            errors.setdefault(type(error) if isinstance(error, EveryDayFailsError) else text, text)
        lines += [indent(text, "  ") for text in [*errors.values()][:_SHOWN]]
        if len(errors) > _SHOWN:
            lines.append(f"  ... and {len(errors) - _SHOWN} more errors; see each partition")
        if left:
            lines.append(f"{len(left)} more {_were(left)} not attempted")
        if stored:
            not_run = " and ".join([*downstream, f"the checks of {asset}"])
            lines.append(
                f"{len(stored)} {_were(stored)} stored and recorded; {not_run} did not run"
            )
        if stored and downstream:
            lines.append(
                f"for the stored days, the sensor {FOLLOWING_SENSOR} materializes "
                f"{' and '.join(downstream)} while a daemon runs; without one, run:"
            )
            lines += _commands(downstream, stored)
        every = [*to_run, *downstream]
        lines.append(
            f"to run the failed days again (in the UI: {' and '.join(every)}, Materialize, "
            f"{boxes(missing)}):"
        )
        super().__init__("\n".join([*lines, *_commands(every, missing)]))


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


def spans(days: Sequence[str]) -> list[tuple[str, str]]:
    """Return the spans of consecutive days, each as its first and last day."""
    found: list[tuple[str, str]] = []
    for day in sorted(days):
        day_before = datetime.date.fromisoformat(day) - datetime.timedelta(days=1)
        if found and found[-1][1] == str(day_before):
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found


def config_json(asset: str, **config: Any) -> str:
    """Return the run configuration that sets these options of an asset."""
    return json.dumps({"ops": {asset: {"config": config}}})


def text_of(error: Exception) -> str:
    """Return the text of an error; for a foreign error, add its type and redact secrets."""
    return str(error) if isinstance(error, dg.Failure) else redacted(repr(error))


def _commands(assets: Sequence[str], days: Sequence[str]) -> Iterator[str]:
    found = spans(days)
    for first, last in found[:_SHOWN]:
        yield f"  {command(assets, first, last)}"
    if len(found) > _SHOWN:
        # One range over all of them would rerun the days in between.
        yield f"  ... and {len(found) - _SHOWN} more, as listed for the UI"


def _were(days: Sequence[str]) -> str:
    return "day was" if len(days) == 1 else "days were"
