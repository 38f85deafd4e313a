"""The sales assets: `raw_sales` keeps each day as the API sent it, `stg_sales` types it.

Both are a mapping from day to lazy stream. There is no path, no HTTP and no file format here.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

import dagster as dg
from pydantic import Field

from sales_assets import settings
from sales_assets.feed.json_rows import values_of_page
from sales_assets.feed.markdown_table import markdown_table
from sales_assets.feed.stream import DayStream, PagesByDay, RowsByDay
from sales_assets.sales.api import NoSuchDayError, SalesApi
from sales_assets.sales.sale import Judgement, column_schema, sales_of_pages

# Dagster needs these two settings when it imports an asset, so they are read here.
_settings = settings.read()
SALES_DAYS = dg.DailyPartitionsDefinition(_settings.sales_start_date, timezone="UTC")
_DAYS_PER_RUN = _settings.sales_days_per_run

_CONVERSIONS = 4
"""Days converted at a time: while one waits for the disk to have it, others go on."""
_PREVIEW_ROWS = 5
_BEYOND_ANY_PRICE = 2**63


def _daily_sales_asset(
    **arguments: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` with what both assets share.

    A range is one run: a run for each day would cost seconds a day. Installations whose runs go to
    many machines can have a backfill cut into runs of `SALES_DAYS_PER_RUN` days; the range of
    `dagster asset materialize` needs the single run. The policy is a beta feature, of which our
    users need no reminder at each command.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            partitions_def=SALES_DAYS,
            backfill_policy=(
                dg.BackfillPolicy.multi_run(_DAYS_PER_RUN)
                if _DAYS_PER_RUN
                else dg.BackfillPolicy.single_run()
            ),
            group_name="sales",
            metadata={"dagster/column_schema": column_schema()},
            **arguments,
        )
    return decorator


class RawSalesConfig(dg.Config):
    """What a run may be told about the sales API."""

    allow_empty_day: bool = Field(
        default=False,
        description="Take a day of which the API knows nothing (404) for a day without sales.",
    )


@_daily_sales_asset(kinds={"python", "json"}, io_manager_key="json_pages")
def raw_sales(
    context: dg.AssetExecutionContext, config: RawSalesConfig, sales_api: SalesApi
) -> PagesByDay:
    """All sales of a day, byte for byte as the pages of the sales API brought them.

    A day is stored once all of its pages have been read, and replaces what was there before.
    """
    context.log.info("sales come from %s", sales_api.source)
    return PagesByDay(
        {
            day: _described_pages(sales_api.pages(day), config.allow_empty_day)
            for day in context.partition_keys
        },
        side_by_side=sales_api.max_in_flight,
    )


class StgSalesConfig(dg.Config):
    """What a run may be told about bad rows."""

    max_rejected_rows: int = Field(
        default=0,
        ge=0,
        description="How many bad rows a day may have: they go to the quarantine, and the day is "
        "stored without them. More than that, and the day fails.",
    )


@_daily_sales_asset(kinds={"python", "avro"}, io_manager_key="avro_file")
def stg_sales(config: StgSalesConfig, raw_sales: PagesByDay) -> RowsByDay:
    """The sales of a day as typed rows, one Avro file.

    Every row is checked against the contract. A row that breaks it is never changed to fit: unless
    the run allows for bad rows, the day is not stored, and if it does, they are put aside.
    """
    return RowsByDay(
        {
            day: _described_rows(pages, day, config.max_rejected_rows)
            for day, pages in raw_sales.items()
        },
        side_by_side=_CONVERSIONS,
    )


class _Summary:
    """What the metadata of a day says about its rows."""

    def __init__(self) -> None:
        self._rows = 0
        self._price_sum = 0
        self._preview: list[dict[str, Any]] = []

    def add(self, rows: list[dict[str, Any]], prices: Iterable[int]) -> None:
        """Count the rows of one more page."""
        self._rows += len(rows)
        self._price_sum += sum(prices)
        self._preview += islice(rows, _PREVIEW_ROWS - len(self._preview))

    def metadata(self) -> dict[str, Any]:
        """Say it under the names that Dagster and its UI know."""
        return {
            "dagster/row_count": self._rows,
            "dagster/partition_row_count": self._rows,
            "price_sum": self._price_sum,
            "preview": dg.MetadataValue.md(markdown_table(self._preview)),
        }


def _described_pages(day: DayStream[bytes], allow_empty: bool) -> DayStream[bytes]:
    metadata = day.metadata

    def pages() -> Iterator[bytes]:
        summary = _Summary()
        number = 0
        for number, page in enumerate(_or_empty(day) if allow_empty else day, 1):  # noqa: B007
            rows = values_of_page(page)
            # Nothing has checked these rows yet: count what is a price.
            prices = (row.get("price") for row in rows)
            summary.add(rows, [p for p in prices if type(p) is int and abs(p) < _BEYOND_ANY_PRICE])
            yield page
        metadata.update(pages=number, **summary.metadata())

    return DayStream(pages, metadata)


def _or_empty(day: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from day
    except NoSuchDayError:
        yield b"[]"


def _described_rows(
    pages: Iterable[bytes], day: str, max_rejected_rows: int
) -> DayStream[dict[str, Any]]:
    metadata: dict[str, Any] = {}
    rejected: list[dict[str, Any]] = []

    def rows() -> Iterator[dict[str, Any]]:
        summary = _Summary()
        judgement = Judgement(max_rejected_rows)
        for page in sales_of_pages(pages, day, judgement):
            summary.add(page, map(itemgetter("price"), page))
            yield from page
        metadata.update(summary.metadata(), unknown_fields=judgement.unknown_fields)
        rejected[:] = judgement.rejected

    return DayStream(rows, metadata, rejected)
