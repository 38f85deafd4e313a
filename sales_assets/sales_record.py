"""The row contract: what a sale is, and what is wrong with one that is none.

Pages are validated straight from their bytes and nothing is ever coerced. How rows are stored, and
what happens to a day with bad ones, does not belong here.
"""

import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import dagster as dg
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

SALES_SCHEMA: dict[str, Any] = json.loads(
    Path(__file__).with_name("sales.avsc").read_text(encoding="utf-8")
)
"""The Avro schema of a sale."""

_AVRO_LONG = 2**63
_SHOWN = 10


class Sale(TypedDict):
    """A sale as the API sends it.

    The date stays a string until it has been compared with the day: pydantic takes the string
    "1660003200" for a date even when it is strict.
    """

    __pydantic_config__ = ConfigDict(strict=True)  # type: ignore[misc]

    client: str
    purchase_date: str
    product: str
    price: Annotated[int, Field(ge=-_AVRO_LONG, lt=_AVRO_LONG)]


class BadValue(NamedTuple):
    """One value that breaks the contract; pages and rows count from 1."""

    page: int
    row: int
    field: str
    value: Any
    reason: str

    def __str__(self) -> str:
        """Name the place, the value and the reason in one line."""
        value = json.dumps(self.value, default=str, ensure_ascii=True)
        shown = value if len(value) <= 80 else f"{value[:77]}..."
        return f"page {self.page}, row {self.row}, {self.field} = {shown}: {self.reason}"


class InvalidSalesError(dg.Failure):
    """A day holds rows that are not sales."""

    def __init__(self, day: str, bad: list[BadValue]) -> None:
        """Report the first bad values and how many there are."""
        lines = [f"{day}: {len(bad)} bad value{'s' if len(bad) > 1 else ''} in the rows of a page"]
        lines += [f"  {value}" for value in bad[:_SHOWN]]
        if len(bad) > _SHOWN:
            lines.append(f"  and {len(bad) - _SHOWN} more")
        super().__init__("\n".join(lines))


_sale = TypeAdapter(Sale)
_sales = TypeAdapter(list[Sale])


def sales_of_pages(pages: Iterable[bytes], day: str) -> Iterator[list[dict[str, Any]]]:
    """Turn the pages of a day into rows ready for Avro.

    Args:
        pages: JSON, as the API sent it.
        day: `YYYY-MM-DD`; the day of every one of these sales.

    Yields:
        The rows of each page: the fields of `SALES_SCHEMA`, `purchase_date` as a date.

    Raises:
        InvalidSalesError: A page has a row that is no sale of that day.
    """
    date = datetime.date.fromisoformat(day)
    for number, page in enumerate(pages, 1):
        try:
            rows: list[dict[str, Any]] = _sales.validate_json(page)  # type: ignore[assignment]
        except ValidationError:
            raise InvalidSalesError(day, bad_values(page, number, day)) from None
        for row in rows:
            if row["purchase_date"] != day:
                raise InvalidSalesError(day, bad_values(page, number, day))
            row["purchase_date"] = date
        yield rows


def bad_values(page: bytes, number: int, day: str) -> list[BadValue]:
    """Find everything in a page that keeps it from being sales of the day.

    Args:
        page: JSON that is known to hold something bad.
        number: The number of the page, from 1.
        day: `YYYY-MM-DD`.
    """
    try:
        rows = from_json(page)
    except ValueError as error:
        return [BadValue(number, 1, "(page)", page[:80].decode("utf-8", "replace"), str(error))]
    bad = []
    for place, row in enumerate(rows, 1):
        try:
            sale = _sale.validate_python(row)
        except ValidationError as error:
            bad += [
                BadValue(
                    number,
                    place,
                    ".".join(map(str, problem["loc"])) or "(row)",
                    problem["input"] if problem["type"] != "missing" else None,
                    problem["msg"],
                )
                for problem in error.errors(include_url=False)
            ]
        else:
            if sale["purchase_date"] != day:
                bad.append(
                    BadValue(
                        number,
                        place,
                        "purchase_date",
                        sale["purchase_date"],
                        f"Input should be the day of the partition, {day}",
                    )
                )
    return bad


def column_schema() -> dg.TableSchema:
    """Describe the columns of a sale for the Dagster UI."""
    columns = []
    for field in SALES_SCHEMA["fields"]:
        kind = field["type"]
        name = kind if isinstance(kind, str) else kind["logicalType"]
        columns.append(dg.TableColumn(field["name"], name, description=field["doc"]))
    return dg.TableSchema(columns)
