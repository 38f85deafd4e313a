"""The row contract: the rows of a day, judged one by one; nothing is ever coerced."""

import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import dagster as dg
from pydantic import ValidationError

from sales_assets.feed.json_rows import InvalidPageError, Repeated, rows_of_page
from sales_assets.feed.page import Page
from sales_assets.feed.remedy import config_json
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError
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
    """Validates the rows of a day, and keeps what is invalid.

    Attributes:
        rejects: The invalid rows, as they go into quarantine; at most `max_rejected_rows`.
    """

    def __init__(self, schema: RowSchema, day: str, asset: str, max_rejected_rows: int = 0) -> None:
        self._schema = schema
        self._day = day
        self._date = datetime.date.fromisoformat(day)
        self._asset = asset
        self._limit = max_rejected_rows
        self._nulls = dict.fromkeys(column.name for column in schema.columns if column.optional)
        self._page = 0
        self.rejects: list[dict[str, Any]] = []
        self._invalid_rows = 0
        self._invalid_values = 0
        self._shown: list[str] = []
        self._unknown: dict[str, tuple[str, int]] = {}

    @property
    def unknown_fields(self) -> dict[str, dict[str, Any]]:
        """First position and row count of each of the first 20 fields outside the contract.

        Names are escaped as JSON, since invalid Unicode could not be shown or stored.
        """
        return {
            shown(json.dumps(name)[1:-1]): {"first": first, "rows": rows}
            for name, (first, rows) in self._unknown.items()
        }

    def rows(self, pages: Iterable[Page]) -> Iterator[list[dict[str, Any]]]:
        """Turn the pages of the day into rows ready for Avro; yield the valid rows of each page.

        Raises:
            InvalidRowsError: More rows are invalid than allowed; raised at the end, so that all are
                counted.
            UpstreamDayError: A page is not a complete JSON list.
        """
        good_rows = 0
        for number, page in enumerate(pages, 1):
            self._page = number
            try:
                for first, part in page.parts():
                    rows = self._plain_rows(part)
                    if rows is None:
                        rows = list(self._judged_rows(part, first))
                    good_rows += len(rows)
                    yield rows
            except InvalidPageError as error:
                raise UpstreamDayError(
                    f"{self._day}: page {number} is not a complete JSON list ({error}): "
                    "materialize the raw asset of this day again"
                ) from None
        if self._invalid_rows > self._limit:
            raise self._error(good_rows + self._invalid_rows)

    def _plain_rows(self, page: bytes) -> list[dict[str, Any]] | None:
        """Parse a page of valid rows fast; None for a page that may contain anything else.

        The parser drops unknown keys, and all but the last of duplicate ones. Each parsed key and
        string took two quotation marks, however it is spelled; in a page with exactly that many,
        nothing was dropped. (A quotation mark within a string adds one, which is harmless: such a
        page is judged row by row.)
        """
        try:
            rows = self._schema.page(page)
        except ValidationError:
            return None
        spelled = sum(map(len, rows))
        for column in self._schema.columns:
            if column.is_text and column.nullable:
                spelled += sum(row.get(column.name) is not None for row in rows)
            elif column.is_text:
                spelled += len(rows)
        days = {row[self._schema.day.name] for row in rows}
        if page.count(b'"') != 2 * spelled or {*map(self._schema.day_of, days)} - {self._date}:
            return None
        return [{**self._nulls, **row} for row in rows] if self._nulls else rows

    def _judged_rows(self, page: bytes, first: int) -> Iterator[dict[str, Any]]:
        """Yield the valid rows of a page, and reject the others."""
        keys = self._schema.keys.values()
        for place, row in enumerate(rows_of_page(page), first):
            known = row.value
            if isinstance(known, dict):
                for name in sorted(known.keys() - keys):
                    self._note_unknown(name, place)
                known = {key: known[key] for key in keys if key in known}
            invalid: list[InvalidValue] = []
            try:
                valid = self._schema.row(known, context=self._date)
            except ValidationError as error:
                for problem in error.errors(include_url=False):
                    field = str(problem["loc"][0]) if problem["loc"] else "(row)"
                    if problem["type"] == "missing":
                        invalid.append(InvalidValue(field, None, "missing"))
                    else:
                        value = json.dumps(problem["input"], default=str)
                        invalid.append(InvalidValue(field, value, problem["msg"]))
            if isinstance(row.value, Repeated):
                for field, values in row.value.values_of.items():
                    reason = f"The field appears {len(values)} times"
                    name = json.dumps(field)[1:-1]
                    invalid.append(InvalidValue(name, json.dumps(values), reason))
            if invalid:
                self._reject(place, row.text, invalid)
            else:
                yield {**self._nulls, **valid}

    def _reject(self, row: int, sent: str, invalid: list[InvalidValue]) -> None:
        self._invalid_rows += 1
        self._invalid_values += len(invalid)
        for field, value, reason in invalid[: _SHOWN_VALUES - len(self._shown)]:
            place = f"page {self._page}, row {row}, {shown(field)}"
            self._shown.append(f"  {place}{f' = {shown(value)}' if value else ''}: {reason}")
        if self._invalid_rows <= self._limit:
            # Bytes that are not UTF-8 are shown as \xNN; raw has the bytes themselves.
            text = sent.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            problems = []
            for one in invalid:
                parts = one._asdict().items()
                problems.append({name: part and redacted(part) for name, part in parts})
            reject = {"page": self._page, "row": row, "problems": problems, "text": redacted(text)}
            self.rejects.append(reject)

    def _note_unknown(self, name: str, row: int) -> None:
        first, seen = self._unknown.get(name, (f"page {self._page}, row {row}", 0))
        if seen or len(self._unknown) < _NAMED_FIELDS:
            self._unknown[name] = first, seen + 1

    def _error(self, rows: int) -> InvalidRowsError:
        lines = [
            f"{self._day}: {self._invalid_rows} of {rows} rows {_are(self._invalid_rows)} invalid; "
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
        return InvalidRowsError("\n".join(lines))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
