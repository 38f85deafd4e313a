"""What users read in the log while an asset is stored: its progress, and the result."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage

from sales_assets.storage.changes import FIRST, UNCHANGED

_SECONDS_BETWEEN_LINES = 5.0
_LONG_RANGE = 30

Stored = Mapping[str, Mapping[str, Any]]


class Progress:
    """Writes a line to the log every few seconds, and one at the end."""

    def __init__(self, asset: str, days: Sequence[str], log: logging.Logger) -> None:
        self._asset = asset
        self._days = days
        self._log = log
        self._started = self._last_line = time.monotonic()

    def show(self, stored: Stored, failed: int) -> None:
        """Log how many days of a range are stored and have failed, if a line is due."""
        now = time.monotonic()
        if len(self._days) > 1 and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            failures = f" {failed} failed," if failed else ""
            self._log.info(
                f"{self._asset}: {len(stored)} of {len(self._days)} days stored,{failures} "
                f"{_rows(stored):,} rows, {now - self._started:.0f} s so far"
            )

    def end(self, stored: Stored) -> None:
        """Log what was stored: the path of a single day, or how many days of a range changed."""
        if len(self._days) == 1:
            [(day, metadata)] = stored.items()
            self._log.info(
                f"{self._asset} {day}: {_rows(stored):,} rows, "
                f"{metadata['change']}, in {metadata['path'].value}"
            )
            return
        names = {FIRST: "new", UNCHANGED: "unchanged"}
        kinds = Counter(names.get(one["change"], "changed") for one in stored.values())
        self._log.info(
            f"{self._asset}: {len(stored)} days stored "
            f"({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}), "
            f"{_rows(stored):,} rows, {time.monotonic() - self._started:.1f} s"
        )


def advise_on_events(
    log: logging.Logger, instance: dg.DagsterInstance, days: Sequence[str]
) -> None:
    """Say what speeds up a long range in a Dagster home that stores events one by one."""
    if len(days) >= _LONG_RANGE and type(instance.event_log_storage) is SqliteEventLogStorage:
        log.info(
            "this Dagster home stores events one by one, so a long range takes several times as "
            "long. To store them in batches, add to its dagster.yaml:\n"
            "event_log_storage:\n"
            "  module: sales_assets.instance.event_log\n"
            "  class: BatchedSqliteEventLogStorage"
        )


def _rows(stored: Stored) -> int:
    return sum(metadata.get("dagster/row_count", 0) for metadata in [*stored.values()])
