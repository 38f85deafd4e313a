"""The table and the charts of the figures, and the place in a document that they are written to."""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
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
    content = [begin, "", *head(), *map(str, merged), *charts(merged), "", end]
    path.write_text(before + "\n".join(content) + after)


def charts(rows: Sequence[Row]) -> Iterator[str]:
    """Draw how the cost grows with the days of a range."""
    spans = {"one-day": 1, "365-days": 365}
    by_case: dict[str, dict[int, float]] = {}
    for row in rows:
        if row.benchmark in spans:
            by_case.setdefault(row.case, {})[spans[row.benchmark]] = row.figure.value
    if by_case:
        yield from chart("Seconds over days of a range", by_case)


def chart(title: str, lines: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    """Draw a chart as GitHub and others show it (https://mermaid.js.org/syntax/xyChart.html)."""
    places = sorted(next(iter(lines.values())))
    yield from ("", f"{title}: {', '.join(lines)}", "", "```mermaid", "xychart-beta")
    yield f"    x-axis {places}"
    for values in lines.values():
        yield f"    line {[round(values[place], 1) for place in places]}"
    yield "```"
