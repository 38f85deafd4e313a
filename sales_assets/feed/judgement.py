"""What was found in the rows of a day beside its good ones, and whether the run allows it."""

import json
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.feed.json_rows import SentRow
from sales_assets.feed.remedy import config_json
from sales_assets.http.secrets import redacted, shown

_SHOWN_VALUES = 10
_NAMED_FIELDS = 20


class InvalidRowsError(dg.Failure):
    """A day holds more bad rows than the run allows."""


class BadValue(NamedTuple):
    """One value that breaks the contract; pages and rows count from 1."""

    page: int
    row: int
    field: str
    value: Any
    reason: str

    def __str__(self) -> str:
        """Name the place, the value and the reason in one line."""
        place = f"page {self.page}, row {self.row}, {shown(self.field)}"
        return f"{place} = {shown(_json(self.value))}: {self.reason}"


class Judgement:
    """What was found in the rows of a day beside its good ones; filled while the day is read.

    Attributes:
        rejects: The bad rows, as they go into quarantine; at most `max_rejected_rows` matter.
        unknown_fields: Where each field that is not in the contract was seen first, and in how
            many rows; the first 20 fields, by their names as JSON.
    """

    def __init__(self, asset: str, max_rejected_rows: int = 0) -> None:
        """Allow that many bad rows in a day of an asset."""
        self._asset = asset
        self.rejects: list[dict[str, Any]] = []
        self._unknown: dict[str, tuple[str, int]] = {}
        self._limit = max_rejected_rows
        self._bad_rows = 0
        self._bad_values = 0
        self._shown: list[BadValue] = []

    @property
    def unknown_fields(self) -> dict[str, dict[str, Any]]:
        """See the class."""
        # A name may not be valid Unicode, which could not be shown or stored.
        return {
            shown(json.dumps(name)[1:-1]): {"first": first, "rows": rows}
            for name, (first, rows) in self._unknown.items()
        }

    def reject(self, row: SentRow, bad: list[BadValue]) -> None:
        """Put a row aside."""
        self._bad_rows += 1
        self._bad_values += len(bad)
        self._shown += bad[: _SHOWN_VALUES - len(self._shown)]
        if self._bad_rows <= self._limit:
            self.rejects.append(
                {
                    "page": bad[0].page,
                    "row": bad[0].row,
                    "problems": [
                        {
                            "field": redacted(one.field),
                            "value": redacted(_json(one.value)),
                            "reason": one.reason,
                        }
                        for one in bad
                    ],
                    # What is not UTF-8 is shown as \xNN; the bytes themselves are in raw.
                    "text": redacted(
                        row.text.encode("utf-8", "surrogateescape").decode(
                            "utf-8", "backslashreplace"
                        )
                    ),
                }
            )

    def note_unknown(self, name: str, page: int, row: int, rows: int = 1) -> None:
        """Remember an unknown field: where it was first, and in how many rows it is."""
        first, seen = self._unknown.get(name, (f"page {page}, row {row}", 0))
        if seen or len(self._unknown) < _NAMED_FIELDS:
            self._unknown[name] = first, seen + rows

    def close(self, day: str, good_rows: int) -> None:
        """End the day.

        Raises:
            InvalidRowsError: More rows are bad than the run allows.
        """
        if self._bad_rows <= self._limit:
            return
        lines = [
            f"{day}: {self._bad_rows} of {good_rows + self._bad_rows} rows are bad, "
            f"{self._limit} may be (max_rejected_rows); nothing of this day is published"
        ]
        lines += [f"  {value}" for value in self._shown]
        if self._bad_values > _SHOWN_VALUES:
            lines.append(f"  and {self._bad_values - _SHOWN_VALUES} more bad values")
        config = config_json(self._asset, max_rejected_rows=self._bad_rows)
        lines.append(f"  to store the day without its bad rows, configure the run: {config}")
        raise InvalidRowsError("\n".join(lines))


def _json(value: Any) -> str:
    """Write a value as JSON in ASCII, whatever it is."""
    return json.dumps(value, default=str)
