"""What the metadata of a day says about its rows and pages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import dagster as dg

from sales_assets.http.secrets import Censor

PAGE_ROWS = "page_rows"
"""Name of the metadata with the row counts of the pages."""

_ROWS, _COLUMNS = 5, 20
_NUMBERS = frozenset((int, float))
_TOO_MUCH = 2**63

_Cell = str | int | float | bool | None


class Summary:
    """Counts the rows of a day, sums up a column (whose key may differ), keeps the first rows."""

    def __init__(self, sum_of: str, key: str = "") -> None:
        self._column = sum_of
        self._key = key or sum_of
        self._rows = 0
        self._sum: float = 0
        self._preview: list[dict[str, _Cell]] = []

    def add(self, rows: Iterable[Any]) -> None:
        """Add the rows of one more page; they may be invalid, but are objects."""
        for row in rows:
            self._rows += 1
            value = row.get(self._key)
            if type(value) in _NUMBERS and -_TOO_MUCH < value < _TOO_MUCH:
                self._sum += value
            if len(self._preview) < _ROWS:
                # Only the cells that are shown: the rows of a page may take much memory.
                self._preview.append(_cells(row))

    def metadata(self) -> dict[str, Any]:
        """Return the metadata under the names that Dagster and its UI know."""
        return {
            "dagster/row_count": self._rows,
            f"{self._column}_sum": self._sum,
            "preview": self._table(),
        }

    def _table(self) -> dg.TableMetadataValue:
        names = [*self._preview[0]] if self._preview else []
        records = [{name: cells.get(name, "") for name in names} for cells in self._preview]
        return dg.MetadataValue.table(
            [dg.TableRecord(record) for record in records],
            dg.TableSchema([dg.TableColumn(name, "any") for name in names]),
        )


def page_rows(counts: Sequence[int]) -> dict[str, Any]:
    """Summarize the row counts of a day's pages: a page that is not full may lack rows.

    Args:
        counts: The rows of each page.

    Returns:
        The number of `pages`, the rows of the `first` and the `last` one, and the first `odd` one
        (its number `page`, and `rows`): a page with more rows than page 1, or with fewer though it
        is not the last. `odd` is empty if there is none.
    """
    first, last = (counts[0], counts[-1]) if counts else (0, 0)
    odd = (
        {"page": page, "rows": rows}
        for page, rows in enumerate(counts, 1)
        if rows > first or (rows < first and page < len(counts))
    )
    return {"pages": len(counts), "first": first, "last": last, "odd": next(odd, {})}


def _cells(row: Mapping[str, Any]) -> dict[str, _Cell]:
    """Return the first fields of a row for display, truncated."""
    censor = Censor()
    return {
        _shown(name, censor): _cell(value, censor) for name, value in islice(row.items(), _COLUMNS)
    }


def _cell(value: Any, censor: Censor) -> _Cell:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and -_TOO_MUCH <= value < _TOO_MUCH:
        return value
    text = json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)
    return _shown(text, censor)


def _shown(text: str, censor: Censor) -> str:
    # Dagster cannot record invalid Unicode.
    return censor.shown(text.encode(errors="backslashreplace").decode())
