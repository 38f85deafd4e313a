"""What to do about days that could not be stored: for a shell to be pasted, and for the UI.

What was wrong with them is said by the errors themselves.
"""

import datetime
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

CODE_LOCATION = "sales_assets.definitions"
"""What commands of the shell name; all feeds are wired together there."""

_MOST_SPANS = 5


def command(assets: Sequence[str], days: Sequence[str]) -> str:
    """Give the command that materializes these days, and those between them."""
    first, last = min(days), max(days)
    span = f"--partition {first}" if first == last else f"--partition-range {first}...{last}"
    return f"dagster asset materialize -m {CODE_LOCATION} --select {','.join(assets)} {span}"


def boxes(days: Sequence[str]) -> str:
    """Give the days as the UI takes them where it asks for partitions; many of them as one span."""
    found = [*spans(days)]
    if len(found) > _MOST_SPANS:
        found = [f"{min(days)}...{max(days)}"]
    return ", ".join(f"[{span}]" if "..." in span else span for span in found)


def spans(days: Sequence[str]) -> Iterator[str]:
    """Give days that follow each other as one span, such as `2022-08-09...2022-08-11`."""
    days = sorted(days)
    ordinals = [datetime.date.fromisoformat(day).toordinal() - n for n, day in enumerate(days)]
    for _, row in itertools.groupby(zip(ordinals, days, strict=True), key=lambda pair: pair[0]):
        first, *rest = [day for _, day in row]
        yield f"{first}...{rest[-1]}" if rest else first


def config_json(asset: str, **config: Any) -> str:
    """Give the configuration of a run that sets something of an asset."""
    return json.dumps({"ops": {asset: {"config": config}}})


def steps(
    assets: Sequence[str], missing: Sequence[str], stored: Sequence[str], downstream: Sequence[str]
) -> Iterator[str]:
    """Say, line by line, what to run after days of a range have failed.

    Args:
        assets: What to run for the days that were not stored: what they are of, and what is to be
            run before that.
        missing: The days that were not stored.
        stored: Those that were, of which nothing downstream was run.
        downstream: The assets that are made of the last of them.
    """
    if not stored or not downstream:
        all_of_them = [*assets, *downstream]
        yield f"in the UI: {_names(all_of_them)}, Materialize, {boxes(missing)}; in a shell:"
        yield f"  {command(all_of_them, missing)}"
        return
    days = [*missing, *stored]
    yield (
        f"in the UI: {_names(assets)}, Materialize, {boxes(missing)}, then {_names(downstream)}, "
        f"Materialize, {boxes(days)}; in a shell:"
    )
    yield f"  {command(assets, missing)}"
    yield f"  {command(downstream, days)}"


def _names(assets: Sequence[str]) -> str:
    return " and ".join(assets)
