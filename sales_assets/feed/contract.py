"""The row contract: the rows of a day, judged one by one; nothing is ever coerced.

A page is parsed straight from its bytes, and only a page with something wrong in it is looked at
row by row. What a row has to be is declared in a `RowSchema`; how rows are stored, and where bad
ones are kept, does not belong here.
"""

import datetime
import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import dagster as dg
from pydantic import ValidationError

from sales_assets.feed.json_rows import (
    MAX_DEPTH,
    InvalidPageError,
    Repeated,
    SentRow,
    TooDeep,
    rows_of_page,
)
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.http.secrets import shown

_SHOWN_VALUES = 10
_NAMED_FIELDS = 20


class InvalidRowsError(dg.Failure):
    """A day holds more bad rows than the run allows, or a page that is not a list of rows."""


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

    def __init__(self, max_rejected_rows: int = 0) -> None:
        """Allow that many bad rows."""
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
                        {"field": one.field, "value": _json(one.value), "reason": one.reason}
                        for one in bad
                    ],
                    # What is not UTF-8 is shown as \xNN; the bytes themselves are in raw.
                    "text": row.text.encode("utf-8", "surrogateescape").decode(
                        "utf-8", "backslashreplace"
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
        raise InvalidRowsError("\n".join(lines))


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
            InvalidRowsError: More rows are bad than `judgement` allows (raised at the end, so that
                all are counted), or a page is not a list of rows.
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
            InvalidRowsError: The page is not a complete JSON list.
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
            raise InvalidRowsError(
                f"{day}: page {number} is not a complete JSON list ({error}): materialize the raw "
                "asset of this day again"
            ) from error

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
                    parsed = _date(text)
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
            elif column.kind == "date" and _date(value) is None:
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


def _date(text: str) -> datetime.date | None:
    """Read `YYYY-MM-DD`; from Python 3.11 on, `fromisoformat` takes other forms as well."""
    try:
        date = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return date if date.isoformat() == text else None


def _json(value: Any) -> str:
    """Write a value as JSON in ASCII, whatever it is."""
    return json.dumps(value, default=str)


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogate, which is no character and has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
