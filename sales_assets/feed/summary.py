"""What the metadata of a day says about its rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from sales_assets.http.secrets import Censor

_ROWS, _COLUMNS = 5, 20
_NUMBERS = frozenset((int, float))
_TOO_MUCH = 2**63


class Summary:
    """Counts the rows of a day, adds up one of their columns, and keeps the first rows."""

    def __init__(self, sum_of: str) -> None:
        """Add up the column `sum_of`."""
        self._column = sum_of
        self._rows = 0
        self._sum: float = 0
        self._preview: list[Mapping[str, Any]] = []

    def add(self, rows: Sequence[Any]) -> None:
        """Take the rows of one more page; they may be bad ones, but are objects."""
        self._rows += len(rows)
        self._sum += sum(
            value
            for row in rows
            if type(value := row.get(self._column)) in _NUMBERS and -_TOO_MUCH < value < _TOO_MUCH
        )
        if len(self._preview) < _ROWS:
            self._preview += islice(rows, _ROWS - len(self._preview))

    def metadata(self) -> dict[str, Any]:
        """Say it under the names that Dagster and its UI know."""
        return {
            "dagster/row_count": self._rows,
            f"{self._column}_sum": self._sum,
            "preview": table(self._preview),
        }


def table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str] | None = None) -> Any:
    """Show rows as a table in metadata; what is long, or much, is cut.

    Args:
        rows: Values of any kind, from anywhere.
        columns: The columns; those of the first row unless given.
    """
    censor = Censor()
    names = list(islice(rows[0] if columns is None and rows else columns or (), _COLUMNS))
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({censor.shown(name): _cell(row.get(name, ""), censor) for name in names})
            for row in rows
        ],
        schema=dg.TableSchema([dg.TableColumn(censor.shown(name), "any") for name in names]),
    )


def _cell(value: Any, censor: Censor) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and -_TOO_MUCH <= value < _TOO_MUCH:
        return value
    text = json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
    # What is not valid Unicode could not be recorded.
    return censor.shown(text.encode(errors="backslashreplace").decode())
