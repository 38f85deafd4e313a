"""How far a range has come: a bar on a terminal, a line every few seconds in the log."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Reports on the days of an asset, until it is closed."""

    def __init__(
        self,
        asset: str,
        days: int,
        log: logging.Logger,
        seconds_between_lines: float = _SECONDS_BETWEEN_LINES,
    ) -> None:
        """Report on so many days."""
        self._asset = asset
        self._days = days
        self._log = log
        self._started = time.monotonic()
        self._pause = seconds_between_lines
        self._next_line = self._started + self._pause
        # Without a terminal, tqdm shows no bar by itself (None); for one day there is no need.
        # A process may have been started without any standard error at all.
        without = days == 1 or sys.stderr is None
        self._bar = tqdm(total=days, desc=asset, unit="day", disable=True if without else None)

    def show(self, stored: Mapping[str, Mapping[str, Any]], failed: int) -> None:
        """Bring the bar up to date, and write a line to the log if it is time for one.

        Args:
            stored: The metadata of each day that is done.
            failed: How many days failed.
        """
        done = len(stored) + failed
        rows = sum(metadata.get("dagster/row_count", 0) for metadata in list(stored.values()))
        if done > self._bar.n:
            self._bar.set_postfix_str(f"{rows:,} rows", refresh=False)
            self._bar.update(done - self._bar.n)
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + self._pause
            seconds = now - self._started
            left = f"{seconds / done * (self._days - done):.0f} s" if done else "unknown time"
            self._log.info(
                f"{self._asset}: {done} of {self._days} days, {rows:,} rows, "
                f"{rows / seconds:,.0f} rows/s, {left} left"
            )

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
