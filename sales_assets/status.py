"""Which days are stored, missing, failed, not yet converted, or recently changed.

This reads the records alone; `verify` compares them with what is stored.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import click
import dagster as dg

from sales_assets.feed.remedy import spans
from sales_assets.storage.changes import FIRST, UNCHANGED
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.recorded import is_made_from

_NAMED_SPANS = 10
_SAME = ("", UNCHANGED, FIRST)


class LayerStatus(NamedTuple):
    """The days of an asset.

    Of failed days, whose latest run failed, an older version may be stored. Days to convert are
    missing, but the source has them. Outdated days were made from an older version of the source.
    `changed` is what the latest lookback changed, by day.
    """

    stored: Sequence[str]
    missing: Sequence[str]
    failed: Sequence[str]
    to_convert: Sequence[str]
    outdated: Sequence[str]
    changed: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.missing or self.outdated)

    def lines(self, name: str) -> Iterator[str]:
        """Format it for people, under the name of the asset."""
        days = len(self.stored) + len(self.missing)
        yield f"{name}: {len(self.stored)} of {days} {'day is' if days == 1 else 'days are'} stored"
        for what, these in (
            ("missing", self.missing),
            ("whose latest run failed", self.failed),
            ("to convert", self.to_convert),
            ("older than the source", self.outdated),
        ):
            named = [
                first if first == last else f"{first}...{last}" for first, last in spans(these)
            ]
            if len(named) > _NAMED_SPANS:
                named[_NAMED_SPANS:] = ["..."]
            if these:
                yield f"  {len(these)} {what}: {', '.join(named)}"
        for day, change in self.changed.items():
            yield f"  changed when last stored: {day} ({change})"


def status(
    instance: dg.DagsterInstance, layers: Sequence[Layer], first: str, last: str, lookback: int
) -> dict[str, LayerStatus]:
    """Look up the days from `first` to `last` of layers, each after its source; two queries each.

    Raises:
        click.UsageError: There are none; the text names the valid days.
    """
    found = {}
    recorded: dict[dg.AssetKey, dict[str, dict[str, Any]]] = {}
    for layer in layers:
        days = _days_between(layer.days.get_partition_keys(), first, last)
        mine = recorded[layer.asset] = layer.storage.recorded(instance, layer.asset, days)
        source = recorded[layer.made_from.asset] if layer.made_from else {}
        states = instance.get_status_by_partition(layer.asset, days, layer.days) or {}
        both = [day for day in days if day in mine and day in source]
        changes = {day: mine[day].get("change", "") for day in days[-1 - lookback :] if day in mine}
        found[layer.name] = LayerStatus(
            stored=[day for day in days if day in mine],
            missing=[day for day in days if day not in mine],
            failed=[day for day in days if (state := states.get(day)) and state.name == "FAILED"],
            to_convert=[day for day in days if day in source and day not in mine],
            outdated=[day for day in both if not is_made_from(mine[day], source[day])],
            changed={day: change for day, change in changes.items() if change not in _SAME},
        )
    return found


def _days_between(every: Sequence[str], first: str, last: str) -> list[str]:
    days = [day for day in every if first <= day <= last]
    if not days:
        there = f"valid days are {every[0]} to {every[-1]}" if every else "there is no day yet"
        raise click.UsageError(
            f"no partition is in this range: {there} (SALES_START_DATE to yesterday, UTC)"
        )
    return days
