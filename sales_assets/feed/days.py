"""Days as text, `YYYY-MM-DD`: the keys of partitions, and the dates in rows."""

import datetime
from typing import Any

import click
import dagster as dg


class NoPartitionsError(dg.Failure):
    """A run selects no partition."""

    def __init__(self, asset: str) -> None:
        super().__init__(
            f"{asset}: no day is selected. Choose a day, or a range from the first to the last "
            "day, up to yesterday (UTC): --partition 2022-08-09, or --partition-range "
            "2022-08-09...2022-09-08"
        )


class DailyPartitions(dg.DailyPartitionsDefinition):
    """The days from the first one to yesterday (UTC); any other day is rejected with that range."""

    def validate_partition_key(self, partition_key: str, context: Any) -> None:
        """Raise a ClickException, which commands show in one line, for any other day."""
        with dg.partition_loading_context(new_ctx=context):
            if not self.has_partition_key(partition_key):
                last = self.get_last_partition_key()
                raise click.ClickException(
                    f"there is no partition {partition_key}; valid days are "
                    f"{self.start:%Y-%m-%d} to {last} (yesterday, UTC): --partition {last}, or "
                    f"--partition-range {self.start:%Y-%m-%d}...{last}"
                )


def parse_day(text: str) -> datetime.date | None:
    """Parse a day; None for text in any other format.

    From Python 3.11 on, `fromisoformat` also accepts other formats, such as 20220809.
    """
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def days_of_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, asset: dg.AssetKey
) -> list[str]:
    """List the days of an asset that a run covers; the same for the asset and its checks.

    A range in Dagster's tags may extend past the last partition; those days are left out. Raises
    NoPartitionsError if the run has no partition.
    """
    partitions = context.op_execution_context.assets_def.partitions_def
    if partitions is None or not (context.has_partition_key or context.has_partition_key_range):
        raise NoPartitionsError(asset.to_user_string())
    # Looking up each day in Dagster would take as long as checking it.
    first = partitions.get_first_partition_key() or ""
    last = partitions.get_last_partition_key() or ""
    return [day for day in context.partition_keys if first <= day <= last]
