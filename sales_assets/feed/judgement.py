"""The invalid rows and unknown fields of a day, and whether the run allows them."""

import json
from typing import Any, NamedTuple

import dagster as dg

from sales_assets.feed.remedy import config_json
from sales_assets.http.secrets import redacted, shown

_SHOWN_VALUES = 10
_NAMED_FIELDS = 20


class InvalidRowsError(dg.Failure):
    """A day has more invalid rows than the run allows."""


class InvalidValue(NamedTuple):
    """A value that breaks the contract, as ASCII JSON; None if the field is missing."""

    field: str
    value: str | None
    reason: str


class Judgement:
    """The invalid rows and unknown fields of a day; filled while the day is read.

    Attributes:
        page: The number of the page that is read, from 1.
        rejects: The invalid rows, as they go into quarantine; at most `max_rejected_rows` matter.

    Args:
        asset: The asset, for error messages.
        max_rejected_rows: How many rows of a day may be invalid.
    """

    def __init__(self, asset: str, max_rejected_rows: int = 0) -> None:
        self._asset = asset
        self.page = 0
        self.rejects: list[dict[str, Any]] = []
        self._unknown: dict[str, tuple[str, int]] = {}
        self._limit = max_rejected_rows
        self._invalid_rows = 0
        self._invalid_values = 0
        self._shown: list[str] = []

    @property
    def unknown_fields(self) -> dict[str, dict[str, Any]]:
        """First position and row count of each of the first 20 fields outside the contract.

        Names are escaped as JSON, since invalid Unicode could not be shown or stored.
        """
        return {
            shown(json.dumps(name)[1:-1]): {"first": first, "rows": rows}
            for name, (first, rows) in self._unknown.items()
        }

    def reject(self, row: int, sent: str, invalid: list[InvalidValue]) -> None:
        """Reject a row of the page, given its number and its text."""
        self._invalid_rows += 1
        self._invalid_values += len(invalid)
        for field, value, reason in invalid[: _SHOWN_VALUES - len(self._shown)]:
            place = f"page {self.page}, row {row}, {shown(field)}"
            self._shown.append(f"  {place}{f' = {shown(value)}' if value else ''}: {reason}")
        if self._invalid_rows <= self._limit:
            # Bytes that are not UTF-8 are shown as \xNN; raw has the bytes themselves.
            text = sent.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            problems = [
                {
                    "field": redacted(one.field),
                    "value": one.value and redacted(one.value),
                    "reason": one.reason,
                }
                for one in invalid
            ]
            reject = {"page": self.page, "row": row, "problems": problems, "text": redacted(text)}
            self.rejects.append(reject)

    def note_unknown(self, name: str, row: int) -> None:
        """Count an unknown field of a row of the page."""
        first, seen = self._unknown.get(name, (f"page {self.page}, row {row}", 0))
        if seen or len(self._unknown) < _NAMED_FIELDS:
            self._unknown[name] = first, seen + 1

    def require_within_limit(self, day: str, good_rows: int) -> None:
        """Finish the day; raise InvalidRowsError if more rows are invalid than the run allows."""
        if self._invalid_rows <= self._limit:
            return
        rows = good_rows + self._invalid_rows
        lines = [
            f"{day}: {self._invalid_rows} of {rows} rows {_are(self._invalid_rows)} invalid; "
            f"at most {self._limit} {_are(self._limit)} allowed (max_rejected_rows)"
        ]
        lines += self._shown
        if self._invalid_values > _SHOWN_VALUES:
            lines.append(f"  and {self._invalid_values - _SHOWN_VALUES} more invalid values")
        if 2 * self._invalid_rows <= rows:
            config = config_json(self._asset, max_rejected_rows=self._invalid_rows)
            lines.append(f"  to store the day without its invalid rows, run with {config}")
        else:
            lines.append("  most rows are invalid: compare the contract with what the API returns")
        raise InvalidRowsError("\n".join(lines))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
