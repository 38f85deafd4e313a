"""The row contract: the rows of a day, judged one by one; nothing is ever coerced.

A page is parsed straight from its bytes, and only a page with something wrong in it is looked at
row by row. What a row has to be is declared in a `RowSchema`; how rows are stored, and where bad
ones are kept, does not belong here.
"""

import datetime
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sales_assets.feed.days import parse_day
from sales_assets.feed.json_rows import (
    MAX_DEPTH,
    InvalidPageError,
    Repeated,
    TooDeep,
    rows_of_page,
)
from sales_assets.feed.judgement import BadValue, Judgement
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError


class DamagedPageError(UpstreamDayError):
    """A stored page is not a list of rows, which it was when it was pulled."""


class Contract:
    """What the rows of a feed have to be, and the good ones of them."""

    def __init__(self, schema: RowSchema) -> None:
        """Judge by this declaration."""
        self._schema = schema
        columns = schema.columns
        self._names = frozenset(schema.names)
        self._missing = {column.name: column.missing for column in columns if column.optional}
        texts = [column for column in columns if column.kind in ("string", "date")]
        self._texts = sum(not (text.nullable or text.optional) for text in texts)
        self._maybe_texts = [text.name for text in texts if text.nullable or text.optional]
        self._dates = [
            column.name
            for column in columns
            if column.kind == "date" and column.name != schema.day_field
        ]

    def rows(
        self, pages: Iterable[Page], day: str, judgement: Judgement
    ) -> Generator[list[dict[str, Any]], None, int]:
        """Turn the pages of a day into rows ready for Avro.

        Args:
            pages: As the API sent them.
            day: `YYYY-MM-DD`; the day of every one of these rows.
            judgement: What else there is in the rows goes there.

        Yields:
            The good rows of each page: the columns of the schema, with dates as dates.

        Raises:
            InvalidRowsError: More rows are bad than `judgement` allows; raised at the end, so that
                all are counted.
            DamagedPageError: A page is not a complete JSON list.
        """
        date = datetime.date.fromisoformat(day)
        good_rows = 0
        for number, page in enumerate(pages, 1):
            rows = self.plain_rows(page, number, date, judgement)
            if rows is None:
                rows = list(self.judged_rows(page, number, date, judgement))
            good_rows += len(rows)
            yield rows
        judgement.close(day, good_rows)
        return good_rows

    def plain_rows(
        self, page: Page, number: int, date: datetime.date, judgement: Judgement
    ) -> list[dict[str, Any]] | None:
        """Parse a page of good rows fast; None for a page that may hold anything else.

        The parser takes the last of duplicate keys. Each name and each text that it has parsed took
        two quotation marks, however it is spelt; a page with just so many has no key twice. (A
        quotation mark within a text adds one, too, and does no harm: such a page is judged row by
        row.)
        """
        try:
            rows = self._schema.page(page.body)
        except ValidationError:
            return None
        names = sum(map(len, rows))
        texts = self._texts * len(rows)
        for name in self._maybe_texts:
            texts += sum(row.get(name) is not None for row in rows)
        marks = 2 * (names + texts)
        strange: dict[str, tuple[int, int]] = {}
        if names != len(self._names) * len(rows) or self._missing:
            for name in set().union(*rows) - self._names:
                first = next(place for place, row in enumerate(rows, 1) if name in row)
                values = [row.pop(name) for row in rows if name in row]
                strange[name] = first, len(values)
                inner = [_marks(value) for value in values if type(value) is not int]
                if any(depth >= MAX_DEPTH for _, depth in inner):
                    return None
                marks += sum(count for count, _ in inner)
        if page.body.count(b'"') != marks or not self._dated(rows, date):
            return None
        for name, (first, count) in sorted(strange.items(), key=lambda one: (one[1][0], one[0])):
            judgement.note_unknown(name, number, first, count)
        if self._missing:
            for row in rows:
                if len(row) < len(self._names):
                    for name, value in self._missing.items():
                        row.setdefault(name, value)
        return rows

    def judged_rows(
        self, page: Page, number: int, date: datetime.date, judgement: Judgement
    ) -> Iterator[dict[str, Any]]:
        """Give the good rows of a page, and put the others aside.

        Raises:
            DamagedPageError: It is not a complete JSON list.
        """
        day = date.isoformat()
        try:
            for place, row in enumerate(rows_of_page(page.body), 1):
                bad = [
                    BadValue(number, place, *problem) for problem in self._problems(row.value, day)
                ]
                if isinstance(row.value, dict) and not isinstance(row.value, TooDeep):
                    for name in row.value.keys() - self._names:
                        judgement.note_unknown(name, number, place)
                if bad:
                    judgement.reject(row, bad)
                    continue
                good = {
                    name: row.value[name] if name in row.value else self._missing[name]
                    for name in self._schema.names
                }
                self._dated([good], date)
                yield good
        except InvalidPageError as error:
            raise DamagedPageError(
                f"{day}: page {number} is not a complete JSON list ({error}): materialize the raw "
                "asset of this day again"
            ) from None

    def _dated(self, rows: list[dict[str, Any]], date: datetime.date) -> bool:
        """Put dates in the place of their texts; False if one is not what it should be."""
        field, day = self._schema.day_field, date.isoformat()
        for row in rows:
            if row[field] != day:
                return False
            row[field] = date
        for name in self._dates:
            for row in rows:
                text = row.get(name)
                if isinstance(text, str):
                    parsed = parse_day(text)
                    if parsed is None:
                        return False
                    row[name] = parsed
        return True

    def _problems(self, row: Any, day: str) -> Iterator[tuple[str, Any, str]]:
        """Find all that keeps a row from being one of the day: field, value and reason."""
        if isinstance(row, TooDeep):
            yield "(row)", row[""], f"nested deeper than {MAX_DEPTH} levels"
            return
        known = row
        if isinstance(row, dict):
            known = {name: row[name] for name in self._schema.names if name in row}
        try:
            self._schema.row(known)
        except ValidationError as error:
            # A union of types reports one problem for each of them.
            seen: set[str] = set()
            for problem in error.errors(include_url=False):
                field = str(problem["loc"][0]) if problem["loc"] else "(row)"
                if field not in seen:
                    seen.add(field)
                    value = problem["input"] if problem["type"] != "missing" else None
                    yield field, value, problem["msg"]
        if not isinstance(row, dict):
            return
        for column in self._schema.columns:
            value = row.get(column.name)
            if not isinstance(value, str):
                continue
            if not _is_unicode(value):
                yield column.name, value, "Input should be valid Unicode"
            elif column.name == self._schema.day_field:
                if value != day:
                    reason = f"Input should be the day of the partition, {day}"
                    yield column.name, value, reason
            elif column.kind == "date" and parse_day(value) is None:
                yield column.name, value, "Input should be a date of the form 2022-08-09"
        if isinstance(row, Repeated):
            for field, values in row.values_of.items():
                yield json.dumps(field)[1:-1], values, f"The field is given {len(values)} times"


def _marks(value: Any) -> tuple[int, int]:
    """Count the quotation marks that a value takes in JSON, and how deep it is nested."""
    if isinstance(value, str):
        return 2, 0
    if isinstance(value, Mapping):
        inner = [_marks(one) for one in value.values()]
        marks = 2 * len(value) + sum(one for one, _ in inner)
    elif isinstance(value, list):
        inner = [_marks(one) for one in value]
        marks = sum(one for one, _ in inner)
    else:
        return 0, 0
    return marks, 1 + max((depth for _, depth in inner), default=0)


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogate, which is no character and has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
