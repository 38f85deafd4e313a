"""Rows as a Markdown table, for the metadata that Dagster's UI shows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as a table.

    Args:
        rows: All with the columns of the first.

    Returns:
        Markdown in which no value can break a cell, or `no rows`.
    """
    if not rows:
        return "no rows"

    def line(cells: Iterable[Any]) -> str:
        texts = (re.sub(r"([\\|<])", r"\\\1", " ".join(str(cell).split())) for cell in cells)
        # What is no valid Unicode could not be recorded.
        return f"| {' | '.join(texts)} |".encode(errors="backslashreplace").decode()

    columns = list(rows[0])
    table = [line(columns), line("---" for _ in columns)]
    return "\n".join(table + [line(row.get(column, "") for column in columns) for row in rows])
