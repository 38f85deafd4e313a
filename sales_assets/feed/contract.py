"""The row contract: the rows of a day, judged one by one; nothing is ever coerced.

A page is parsed straight from its bytes, and only a page with something wrong in it is looked at
row by row. What a row has to be is declared in a `RowSchema`; how rows are stored, and where
invalid ones are kept, does not belong here.
"""

import datetime
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sales_assets.feed.days import is_day, parse_day
from sales_assets.feed.json_rows import InvalidPageError, Part, Repeated, rows_of_page
from sales_assets.feed.judgement import MISSING, InvalidValue, Judgement
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import UpstreamDayError


class DamagedPageError(UpstreamDayError):
    """A stored page is not a list of rows, which it was when it was pulled."""


class Contract:
    """What the rows of a feed have to be, and the good ones of them.

    Args:
        schema: The declaration to judge by.
    """

    def __init__(self, schema: RowSchema) -> None:
        self._schema = schema
        columns = schema.columns
        self._names = frozenset(schema.names)
        self._optional = [column.name for column in columns if column.optional]
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
            judgement: Takes whatever else there is in the rows.

        Yields:
            The good rows of each page: the columns of the schema, with dates as dates.

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
        judgement.close(day, good_rows)
        return good_rows

    def plain_rows(
        self, part: Part, number: int, date: datetime.date, judgement: Judgement
    ) -> list[dict[str, Any]] | None:
        """Parse a page of good rows fast; None for a page that may hold anything else.

        The parser takes the last of duplicate keys. Each name and each text that it has parsed took
        two quotation marks, however it is spelt; a page with just so many has no key twice. (A
        quotation mark within a text adds one, too, and does no harm: such a page is judged row by
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
        if (names != len(self._names) * len(rows) or self._optional) and (
            set().union(*rows) - self._names
        ):
            for place, row in enumerate(rows, part.first):
                for name in sorted(row.keys() - self._names):
                    marks += _marks(row.pop(name))
                    unknown.append((name, place))
        if part.json.count(b'"') != marks or not self._dated(rows, date):
            return None
        for name, place in unknown:
            judgement.note_unknown(name, number, place)
        if self._optional:
            for row in rows:
                for name in self._optional:
                    row.setdefault(name, None)
        return rows

    def judged_rows(
        self, part: Part, number: int, date: datetime.date, judgement: Judgement
    ) -> Iterator[dict[str, Any]]:
        """Give the good rows of a page, and put the others aside.

        Raises:
            InvalidPageError: It is not a complete JSON list.
        """
        day = date.isoformat()
        for place, row in enumerate(rows_of_page(part.json), part.first):
            invalid = [
                InvalidValue(number, place, *problem) for problem in self._problems(row.value, day)
            ]
            if isinstance(row.value, dict):
                for name in sorted(row.value.keys() - self._names):
                    judgement.note_unknown(name, number, place)
            if invalid:
                judgement.reject(row, invalid)
                continue
            good = {name: row.value.get(name) for name in self._schema.names}
            self._dated([good], date)
            yield good

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
                    if problem["type"] == "missing":
                        yield field, MISSING, "missing"
                    else:
                        yield field, problem["input"], problem["msg"]
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
            elif column.kind == "date" and not is_day(value):
                yield column.name, value, "Input should be a date of the form 2022-08-09"
        if isinstance(row, Repeated):
            for field, values in row.values_of.items():
                yield json.dumps(field)[1:-1], values, f"The field is given {len(values)} times"


def _marks(value: Any) -> int:
    """Count the quotation marks that a value takes in JSON."""
    if isinstance(value, str):
        return 2
    if isinstance(value, Mapping):
        return 2 * len(value) + sum(map(_marks, value.values()))
    if isinstance(value, list):
        return sum(map(_marks, value))
    return 0


def _is_unicode(text: str) -> bool:
    """Tell whether a text has no lone surrogate, which is no character and has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
