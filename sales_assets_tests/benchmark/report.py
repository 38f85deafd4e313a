"""The table of the figures, and the place in a document that they are written to."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from sales_assets_tests.benchmark.figures import Row

BEGIN, END = "<!-- benchmark -->", "<!-- end of benchmark -->"
_HEAD = "| benchmark | case | median | ratio to the first | rounds |"
_RULE = "| --- | --- | --- | --- | --- |"


class NoPlaceError(ValueError):
    """A document has no place for the figures."""


def head() -> list[str]:
    """Say what was measured on, and begin the table."""
    versions = (f"{name} {version(name)}" for name in ("dagster", "fastavro", "pydantic"))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return [", ".join((machine, *versions)) + ":", "", _HEAD, _RULE]


def write(path: Path, rows: Sequence[Row], order: Sequence[str]) -> None:
    """Write figures into a document, between its marks; benchmarks that were not run stay.

    Args:
        path: The document.
        rows: What was measured.
        order: The names of all benchmarks, in the order of the table.

    Raises:
        NoPlaceError: The document lacks the marks.
    """
    text = path.read_text()
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlaceError(
            f"{path} lacks the lines {BEGIN} and {END}, which the figures go between"
        )
    lines = old.splitlines()
    table = (line for line in lines if line.startswith("| ") and line not in (_HEAD, _RULE))
    kept = [Row.parse(line) for line in table]
    new = {row.benchmark for row in rows}
    merged = [*rows, *(row for row in kept if row.benchmark not in new)]
    merged.sort(key=lambda row: order.index(row.benchmark) if row.benchmark in order else -1)
    content = [begin, "", *head(), *map(str, merged), "", end]
    path.write_text(before + "\n".join(content) + after)
