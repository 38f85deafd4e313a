"""The row contract: the rows of a day, judged one by one; nothing is ever coerced.

A page is parsed straight from its bytes; only a page with a problem is read row by row. A
`RowSchema` declares a valid row. How rows are stored does not belong here.
"""

import datetime
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from sales_assets.feed.json_rows import InvalidPageError, Repeated, rows_of_page
from sales_assets.feed.judgement import InvalidValue, Judgement
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError


class DamagedPageError(UpstreamDayError):
    """A stored page is no longer a list of rows, as it was when it was pulled."""


class Contract:
    """Validates the rows of a feed and returns the valid ones."""

    def __init__(self, schema: RowSchema) -> None:
        self._schema = schema
        columns = schema.columns
        self._nulls = dict.fromkeys(column.name for column in columns if column.optional)
        texts = [column for column in columns if column.is_text]
        self._texts = sum(not text.nullable for text in texts)
        self._maybe_texts = [text.name for text in texts if text.nullable]

    def rows(
        self, pages: Iterable[Page], day: str, judgement: Judgement
    ) -> Iterator[list[dict[str, Any]]]:
        """Turn the pages of a day into rows ready for Avro; yield the valid rows of each page.

        Raises:
            InvalidRowsError: More rows are invalid than `judgement` allows; raised at the end, so
                that all are counted.
            DamagedPageError: A page is not a complete JSON list.
        """
        date = datetime.date.fromisoformat(day)
        good_rows = 0
        for number, page in enumerate(pages, 1):
            judgement.page = number
            try:
                for first, part in page.parts():
                    rows = self._plain_rows(part, date)
                    if rows is None:
                        rows = list(self._judged_rows(part, first, date, judgement))
                    good_rows += len(rows)
                    yield rows
            except InvalidPageError as error:
                raise DamagedPageError(
                    f"{day}: page {number} is not a complete JSON list ({error}): materialize the "
                    "raw asset of this day again"
                ) from None
        judgement.require_within_limit(day, good_rows)

    def _plain_rows(self, page: bytes, date: datetime.date) -> list[dict[str, Any]] | None:
        """Parse a page of valid rows fast; None for a page that may contain anything else.

        The parser keeps the last of duplicate keys. Each parsed key and string took two quotation
        marks, however it is spelled; a page with exactly that many has no duplicate key. (A
        quotation mark within a string adds one, which is harmless: such a page is judged row by
        row.)
        """
        try:
            rows = self._schema.page(page)
        except ValidationError:
            return None
        names = sum(map(len, rows))
        texts = self._texts * len(rows)
        for name in self._maybe_texts:
            texts += sum(row.get(name) is not None for row in rows)
        days = {row[self._schema.day.name] for row in rows}
        if page.count(b'"') != 2 * (names + texts) or {*map(self._schema.day_of, days)} - {date}:
            return None
        return [{**self._nulls, **row} for row in rows] if self._nulls else rows

    def _judged_rows(
        self, page: bytes, first: int, date: datetime.date, judgement: Judgement
    ) -> Iterator[dict[str, Any]]:
        """Yield the valid rows of a page, and reject the others."""
        keys = self._schema.keys.values()
        for place, row in enumerate(rows_of_page(page), first):
            known = row.value
            if isinstance(known, dict):
                for name in sorted(known.keys() - keys):
                    judgement.note_unknown(name, place)
                known = {key: known[key] for key in keys if key in known}
            invalid: list[InvalidValue] = []
            try:
                valid = self._schema.row(known, context=date)
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
                judgement.reject(place, row.text, invalid)
            else:
                yield {**self._nulls, **valid}
