"""The row contract: what a sale is, and what is wrong with one that is none.

Pages are validated straight from their bytes and nothing is ever coerced. How rows are stored, and
where bad ones are kept, does not belong here.
"""

import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from sales_assets.feed.json_rows import InvalidPageError, Repeated, SentRow, rows_of_page

SALES_SCHEMA: dict[str, Any] = json.loads(
    Path(__file__).with_name("sales.avsc").read_text(encoding="utf-8")
)
"""The Avro schema of a sale."""

_AVRO_LONG = 2**63
_SHOWN = 10
_NAMED_FIELDS = 20


class Sale(TypedDict):
    """A sale as the API sends it.

    The date stays a string until it has been compared with the day: pydantic takes the string
    "1660003200" for a date even when it is strict.
    """

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    client: str
    purchase_date: str
    product: str
    # Bounds that are no longs themselves, such as an lt=2**63, take pydantic twice the time.
    price: Annotated[int, Field(ge=-_AVRO_LONG, le=_AVRO_LONG - 1)]


_FIELDS = frozenset(Sale.__annotations__)
_QUOTES = 2 * (len(_FIELDS) + 3)
"""Quotation marks of a sale without ornaments: those of four names and of three texts."""


class BadValue(NamedTuple):
    """One value that breaks the contract; pages and rows count from 1."""

    page: int
    row: int
    field: str
    value: Any
    reason: str

    @property
    def json(self) -> str:
        """The value as JSON in ASCII, whatever it is."""
        return json.dumps(self.value, default=str)

    def __str__(self) -> str:
        """Name the place, the value and the reason in one line."""
        shown = self.json if len(self.json) <= 80 else f"{self.json[:77]}..."
        return f"page {self.page}, row {self.row}, {self.field} = {shown}: {self.reason}"


class InvalidSalesError(dg.Failure):
    """A day holds more rows that are not sales than the run allows, or a page without rows."""


class Judgement:
    """What was found in the rows of a day beside its sales; filled while the day is read.

    Attributes:
        rejected: The bad rows, as they go into quarantine; at most `max_rejected_rows` matter.
        unknown_fields: Where each field that is not in the contract was seen first, and in how
            many rows; the first 20 fields, by their names as JSON.
    """

    def __init__(self, max_rejected_rows: int = 0) -> None:
        """Allow that many bad rows."""
        self.rejected: list[dict[str, Any]] = []
        self.unknown_fields: dict[str, dict[str, Any]] = {}
        self._limit = max_rejected_rows
        self._bad_rows = 0
        self._bad_values = 0
        self._shown: list[BadValue] = []

    def reject(self, row: SentRow, bad: list[BadValue]) -> None:
        """Put a row aside."""
        self._bad_rows += 1
        self._bad_values += len(bad)
        self._shown += bad[: _SHOWN - len(self._shown)]
        if self._bad_rows <= self._limit:
            self.rejected.append(
                {
                    "page": bad[0].page,
                    "row": bad[0].row,
                    "problems": [
                        {"field": one.field, "value": one.json, "reason": one.reason} for one in bad
                    ],
                    # What is no UTF-8 is shown as \xNN; the bytes themselves are in raw.
                    "text": row.text.encode("utf-8", "surrogateescape").decode(
                        "utf-8", "backslashreplace"
                    ),
                }
            )

    def note_unknown(self, names: Iterable[str], page: int, row: int) -> None:
        """Remember fields of a row that are not in the contract."""
        for name in names:
            # A name may be no valid Unicode, which could not be shown or stored.
            shown = json.dumps(name)[1:-1]
            if shown not in self.unknown_fields and len(self.unknown_fields) < _NAMED_FIELDS:
                self.unknown_fields[shown] = {"first": f"page {page}, row {row}", "rows": 0}
            if shown in self.unknown_fields:
                self.unknown_fields[shown]["rows"] += 1

    def close(self, day: str, good_rows: int) -> None:
        """End the day.

        Raises:
            InvalidSalesError: More rows are bad than the run allows.
        """
        if self._bad_rows <= self._limit:
            return
        lines = [
            f"{day}: {self._bad_rows} of {good_rows + self._bad_rows} rows are bad, "
            f"{self._limit} may be (max_rejected_rows); nothing of this day is published"
        ]
        lines += [f"  {value}" for value in self._shown]
        if self._bad_values > _SHOWN:
            lines.append(f"  and {self._bad_values - _SHOWN} more bad values")
        raise InvalidSalesError("\n".join(lines))


_sale = TypeAdapter(Sale)
_sales = TypeAdapter(list[Sale])


def sales_of_pages(
    pages: Iterable[bytes], day: str, judgement: Judgement | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Turn the pages of a day into rows ready for Avro.

    Args:
        pages: JSON, as the API sent it.
        day: `YYYY-MM-DD`; the day of every one of these sales.
        judgement: What else there is in the rows goes there; no bad row is allowed unless it
            says so.

    Yields:
        The good rows of each page: the fields of `SALES_SCHEMA`, `purchase_date` as a date.

    Raises:
        InvalidSalesError: Too many rows are no sale of that day (raised at the end, so that all
            are counted), or a page is no list of rows.
    """
    judgement = Judgement() if judgement is None else judgement
    date = datetime.date.fromisoformat(day)
    good_rows = 0
    for number, page in enumerate(pages, 1):
        rows = _plain_sales(page, date)
        if rows is None:
            rows = list(_judged_sales(page, number, date, judgement))
        good_rows += len(rows)
        yield rows
    judgement.close(day, good_rows)


def _plain_sales(page: bytes, date: datetime.date) -> list[dict[str, Any]] | None:
    """Parse a page with nothing wrong or unknown in it; None for any other.

    The parser takes the last of duplicate keys and drops unknown ones. Each would add quotation
    marks to those that a sale cannot do without, however its name is spelt; so a page with just
    these has neither. (A quotation mark within a text adds one, too, and does no harm: the page
    is then judged row by row.)
    """
    try:
        rows: list[dict[str, Any]] = _sales.validate_json(page)  # type: ignore[assignment]
    except ValidationError:
        return None
    if page.count(b'"') != _QUOTES * len(rows):
        return None
    day = date.isoformat()
    for row in rows:
        if row["purchase_date"] != day:
            return None
        row["purchase_date"] = date
    return rows


def _judged_sales(
    page: bytes, number: int, date: datetime.date, judgement: Judgement
) -> Iterator[dict[str, Any]]:
    """Give the good rows of a page, and put the others aside."""
    day = date.isoformat()
    try:
        for place, row in enumerate(rows_of_page(page), 1):
            bad = [BadValue(number, place, *problem) for problem in _problems(row.value, day)]
            if isinstance(row.value, dict):
                judgement.note_unknown(row.value.keys() - _FIELDS, number, place)
            if bad:
                judgement.reject(row, bad)
            else:
                sale = {field: row.value[field] for field in Sale.__annotations__}
                yield {**sale, "purchase_date": date}
    except InvalidPageError as error:
        raise InvalidSalesError(
            f"{day}: page {number} is not a complete JSON list ({error}): materialize raw_sales "
            "of this day again"
        ) from error


def _problems(row: Any, day: str) -> Iterator[tuple[str, Any, str]]:
    """Find all that keeps a row from being a sale of the day: field, value and reason."""
    try:
        _sale.validate_python(row)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            value = problem["input"] if problem["type"] != "missing" else None
            yield ".".join(map(str, problem["loc"])) or "(row)", value, problem["msg"]
    if not isinstance(row, dict):
        return
    for field, value in row.items():
        if field in _FIELDS and isinstance(value, str) and not _is_unicode(value):
            yield field, value, "Input should be valid Unicode"
    date = row.get("purchase_date", day)
    if isinstance(date, str) and date != day:
        reason = f"Input should be the day of the partition, {day}"
        yield "purchase_date", date, reason
    if isinstance(row, Repeated):
        for field, values in row.values_of.items():
            yield json.dumps(field)[1:-1], values, f"The field is given {len(values)} times"


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogate, which is no character and has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def column_schema() -> dg.TableSchema:
    """Describe the columns of a sale for the Dagster UI."""
    columns = []
    for field in SALES_SCHEMA["fields"]:
        kind = field["type"]
        name = kind if isinstance(kind, str) else kind["logicalType"]
        columns.append(dg.TableColumn(field["name"], name, description=field["doc"]))
    return dg.TableSchema(columns)
