"""Streams of a day as tests write and read them: pages are bytes, rows are judged."""

import datetime
from collections.abc import Generator, Iterable, Mapping
from typing import Any

from sales_assets.feed.contract import Judgement
from sales_assets.feed.page import Page
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import DayStream, StreamResult
from sales_assets.sales.sale import SALE
from sales_assets_tests.helpers.rows import DAY


def stream_of(
    bodies: Iterable[bytes], metadata: Mapping[str, Any] | None = None
) -> DayStream[Page]:
    """Make a stream of these pages, which are iterated anew at each reading."""

    def read() -> Generator[Page, None, StreamResult]:
        for body in bodies:
            yield Page(body)
        return StreamResult(metadata or {})

    return DayStream(read)


def typed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a sale as stg_sales stores it: with a real date, and null for what is optional."""
    fields = dict.fromkeys(field["name"] for field in SALE.avro["fields"])
    return {**fields, **row, "purchase_date": datetime.date.fromisoformat(row["purchase_date"])}


def bodies_of(stream: Iterable[Page]) -> list[bytes]:
    return [page.body for page in stream]


def facts_of(stream: DayStream[Any]) -> Mapping[str, Any]:
    """Read a day to its end; give its metadata."""
    for _ in stream:
        pass
    return stream.result.metadata


def days_of(result: object) -> dict[str, DayStream[Any]]:
    assert isinstance(result, dict)
    return result


def judging(schema: RowSchema = SALE, max_rejected_rows: int = 0) -> Judgement:
    return Judgement(schema, DAY, "stg_sales", max_rejected_rows)


def judged(
    bodies: Iterable[bytes], judgement: Judgement | None = None
) -> list[list[dict[str, Any]]]:
    """Judge the pages of a day; give the good rows of each."""
    return list((judgement or judging()).rows(map(Page, bodies)))
