"""The row contract: the rows of a day, judged one by one; nothing is ever coerced.

A page is parsed straight from its bytes; only a page with a problem is read row by row. A
`RowSchema` declares a valid row. How rows are stored does not belong here.
"""

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sales_assets.feed.columns import Column
from sales_assets.feed.json_rows import InvalidPageError, Part, Repeated, rows_of_page
from sales_assets.feed.judgement import MISSING, InvalidValue, Judgement
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError


class DamagedPageError(UpstreamDayError):
    """A stored page is no longer a list of rows, as it was when it was pulled."""


class Contract:
    """Validates the rows of a feed and returns the valid ones.

    Args:
        schema: The schema to validate against.
    """

    def __init__(self, schema: RowSchema) -> None:
        self._schema = schema
        columns = schema.columns
        self._keys = frozenset(schema.keys)
        self._optional = [column.key for column in columns if column.optional]
        texts = [column for column in columns if column.type.is_text]
        self._texts = sum(not text.nullable for text in texts)
        self._maybe_texts = [text.key for text in texts if text.nullable]
        self._converted = [
            (column.key, column.type.convert)
            for column in columns
            if column.type.convert and (column is not schema.day or column.type.name != "date")
        ]
        self._is_renamed = any(column.key != column.name for column in columns)

    def rows(
        self, pages: Iterable[Page], day: str, judgement: Judgement
    ) -> Iterator[list[dict[str, Any]]]:
        """Turn the pages of a day into rows ready for Avro; yield the valid rows of each page.

        Args:
            pages: As the API sent them.
            day: `YYYY-MM-DD`; every row must be of this day.
            judgement: Collects invalid rows and unknown fields.

        Raises:
            InvalidRowsError: More rows are invalid than `judgement` allows; raised at the end, so
                that all are counted.
            DamagedPageError: A page is not a complete JSON list.
        """
        date = datetime.date.fromisoformat(day)
        good_rows = 0
        for number, page in enumerate(pages, 1):
            try:
                for part in page.parts():
                    rows = self.plain_rows(part, number, date, judgement)
                    if rows is None:
                        rows = list(self.judged_rows(part, number, date, judgement))
                    good_rows += len(rows)
                    yield rows
            except InvalidPageError as error:
                raise DamagedPageError(
                    f"{day}: page {number} is not a complete JSON list ({error}): materialize the "
                    "raw asset of this day again"
                ) from None
        judgement.require_within_limit(day, good_rows)

    def plain_rows(
        self, part: Part, number: int, date: datetime.date, judgement: Judgement
    ) -> list[dict[str, Any]] | None:
        """Parse a page of valid rows fast; None for a page that may contain anything else.

        The parser keeps the last of duplicate keys. Each parsed key and string took two quotation
        marks, however it is spelled; a page with exactly that many has no duplicate key. (A
        quotation mark within a string adds one, which is harmless: such a page is judged row by
        row.)
        """
        try:
            rows = self._schema.page(part.json)
        except ValidationError:
            return None
        names = sum(map(len, rows))
        texts = self._texts * len(rows)
        for name in self._maybe_texts:
            texts += sum(row.get(name) is not None for row in rows)
        marks = 2 * (names + texts)
        unknown: list[tuple[str, int]] = []
        may_have_unknown = self._optional or names != len(self._keys) * len(rows)
        if may_have_unknown and set().union(*rows) - self._keys:
            for place, row in enumerate(rows, part.first):
                for name in sorted(row.keys() - self._keys):
                    marks += _marks(row.pop(name))
                    unknown.append((name, place))
        if part.json.count(b'"') != marks or not self._convert(rows, date):
            return None
        for name, place in unknown:
            judgement.note_unknown(name, number, place)
        for key in self._optional:
            for row in rows:
                row.setdefault(key, None)
        return self._named(rows)

    def judged_rows(
        self, part: Part, number: int, date: datetime.date, judgement: Judgement
    ) -> Iterator[dict[str, Any]]:
        """Return the valid rows of a page, and reject the others; raises as `rows_of_page` does."""
        day = date.isoformat()
        for place, row in enumerate(rows_of_page(part.json), part.first):
            invalid = [
                InvalidValue(number, place, *problem) for problem in self._problems(row.value, day)
            ]
            if isinstance(row.value, dict):
                for name in sorted(row.value.keys() - self._keys):
                    judgement.note_unknown(name, number, place)
            if invalid:
                judgement.reject(row, invalid)
            else:
                good = [{key: row.value.get(key) for key in self._schema.keys}]
                self._convert(good, date)
                yield from self._named(good)

    def _named(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Rename the keys to the names in Avro."""
        if not self._is_renamed:
            return rows
        columns = self._schema.columns
        return [{column.name: row[column.key] for column in columns} for row in rows]

    def _convert(self, rows: list[dict[str, Any]], date: datetime.date) -> bool:
        """Convert JSON values to Avro values in place; False if one is invalid."""
        for key, convert in self._converted:
            for row in rows:
                value = row.get(key)
                if value is not None:
                    row[key] = convert(value)
                    if row[key] is None:
                        return False
        day_key, day = self._schema.day.key, date.isoformat()
        if self._schema.day.type.name != "date":
            return all(self._schema.day_of(row[day_key]) == date for row in rows)
        for row in rows:
            if row[day_key] != day:
                return False
            row[day_key] = date
        return True

    def _problems(self, row: Any, day: str) -> Iterator[tuple[str, Any, str]]:
        """Find all problems of a row of the day: field, value and reason."""
        known = row
        if isinstance(row, dict):
            known = {key: row[key] for key in self._schema.keys if key in row}
        seen: set[str] = set()
        try:
            self._schema.row(known)
        except ValidationError as error:
            for problem in error.errors(include_url=False):
                field = str(problem["loc"][0]) if problem["loc"] else "(row)"
                # A union reports one problem for each of its types.
                if field not in seen:
                    seen.add(field)
                    if problem["type"] == "missing":
                        yield field, MISSING, "missing"
                    else:
                        yield field, problem["input"], problem["msg"]
        if not isinstance(row, dict):
            return
        for column in self._schema.columns:
            value = row.get(column.key)
            if value is not None and column.key not in seen:
                reason = self._problem_of(column, value, day)
                if reason:
                    yield column.key, value, f"Input should be {reason}"
        if isinstance(row, Repeated):
            for field, values in row.values_of.items():
                yield json.dumps(field)[1:-1], values, f"The field appears {len(values)} times"

    def _problem_of(self, column: Column, value: Any, day: str) -> str:
        """Return what a value of the right type should be; empty if it is valid."""
        if isinstance(value, str) and not _is_unicode(value):
            return "valid Unicode"
        converted = column.type.convert(value) if column.type.convert else value
        if column is self._schema.day and (
            converted is None or self._schema.day_of(converted).isoformat() != day
        ):
            return f"on the day of the partition, {day}"
        return column.type.expected if converted is None else ""


def _marks(value: Any) -> int:
    """Count the quotation marks of a value in JSON."""
    if isinstance(value, str):
        return 2
    if isinstance(value, Mapping):
        return 2 * len(value) + sum(map(_marks, value.values()))
    if isinstance(value, list):
        return sum(map(_marks, value))
    return 0


def _is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogate, which UTF-8 cannot encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
