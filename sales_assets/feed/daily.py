"""The part of the two assets that is the same for every daily feed.

The raw asset keeps the pages of a day as the API sent them; the stg asset turns them into typed
rows. Both map days to lazy streams. There is no path, no HTTP and no file format here.
"""

import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from sales_assets.feed.api import DailyApi
from sales_assets.feed.contract import Judgement
from sales_assets.feed.days import days_of_run
from sales_assets.feed.page import Page
from sales_assets.feed.paging import NoSuchDayError
from sales_assets.feed.remedy import config_json
from sales_assets.feed.schema import RowSchema
from sales_assets.feed.stream import DayStream, PagesByDay, RowsByDay, StreamResult

PAGE_ROWS = "page_rows"
"""Name of the metadata with the row counts of the pages."""

_PULLS, _CONVERSIONS = 16, 4
"""Days processed concurrently: while some wait for the API or the disk, others go on."""


@contextmanager
def knowingly() -> Iterator[None]:
    """Use Dagster's beta and preview features without a warning at each command."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


def daily_asset(
    days: dg.PartitionsDefinition[str],
    days_per_run: int | None,
    schema: RowSchema,
    made_from: dg.AssetKey | None = None,
    **arguments: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` with the settings that all assets of a daily feed share.

    A range is one run, as `dagster asset materialize` requires; a run per day would cost seconds.
    `days_per_run` splits a backfill, for runs on many machines. `made_from` is the upstream asset
    with the same columns, for their lineage.
    """
    metadata: dict[str, Any] = {"dagster/column_schema": schema.table()}
    if made_from:
        metadata["dagster/column_lineage"] = schema.lineage(made_from)
    policy = dg.BackfillPolicy
    with knowingly():
        decorator: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
            partitions_def=days,
            backfill_policy=policy.multi_run(days_per_run) if days_per_run else policy.single_run(),
            metadata=metadata,
            **arguments,
        )
    return decorator


class RawConfig(dg.Config):
    """Run options for the API."""

    allow_empty_day: bool = Field(
        default=False,
        description="Store a day for which the API returns 404 as a day without rows, unless the "
        "stored day has rows.",
    )
    replace_rows: bool = Field(
        default=False,
        description="With allow_empty_day: replace the stored day even if it has rows.",
    )


class StgConfig(dg.Config):
    """Run options for invalid rows."""

    max_rejected_rows: int = Field(
        default=0,
        ge=0,
        description="Invalid rows that a day may have; they go to quarantine, and the day is "
        "stored without them. A day with more fails.",
    )


def pages_by_day(
    context: dg.AssetExecutionContext, config: RawConfig, api: DailyApi, sum_of: str
) -> PagesByDay:
    """Return the pages of each day of the run, with metadata that sums up `sum_of`."""
    asset = context.asset_key.to_user_string()

    def described(day: str) -> DayStream[Page]:
        pages = api.pages(day, allow_empty=config.allow_empty_day)

        def read() -> Generator[Page, None, StreamResult]:
            counts: list[int] = []
            total: float = 0
            try:
                for page in pages:
                    counts.append(page.count)
                    total += column_sum(page.rows, api.row.keys[sum_of])
                    yield page
            except NoSuchDayError as error:
                config_of_run = config_json(asset, allow_empty_day=True)
                # On a line of its own, so that alerts do not truncate it.
                raise NoSuchDayError(f"{error}:\n  {config_of_run}") from None
            known = {
                "dagster/row_count": sum(counts),
                f"{sum_of}_sum": total,
                PAGE_ROWS: page_rows(counts),
            }
            keeps_rows = pages.result.keeps_rows and not config.replace_rows
            return StreamResult({**known, **pages.result.metadata}, keeps_rows=keeps_rows)

        return DayStream(read)

    return PagesByDay(
        {day: described(day) for day in days_of_run(context, context.asset_key)},
        side_by_side=min(_PULLS, api.max_in_flight),
    )


def rows_by_day(
    context: dg.AssetExecutionContext,
    config: StgConfig,
    pages: PagesByDay,
    schema: RowSchema,
    sum_of: str,
) -> RowsByDay:
    """Return the valid rows of each day, with metadata on all rows that sums up `sum_of`."""
    asset = context.asset_key.to_user_string()

    def judged(day: str, stream: DayStream[Page]) -> DayStream[dict[str, Any]]:
        def read() -> Generator[dict[str, Any], None, StreamResult]:
            judgement = Judgement(schema, day, asset, config.max_rejected_rows)
            count = 0
            total: float = 0
            for rows in judgement.rows(stream):
                count += len(rows)
                total += column_sum(rows, sum_of)
                yield from rows
            known = {
                "dagster/row_count": count,
                f"{sum_of}_sum": total,
                **stream.result.metadata,
                "rejected_rows": len(judgement.rejects),
                "unknown_fields": judgement.unknown_fields,
            }
            return StreamResult(known, judgement.rejects, stream.result.is_current)

        return DayStream(read, stream.made_from)

    return RowsByDay(
        {day: judged(day, stream) for day, stream in pages.items()}, side_by_side=_CONVERSIONS
    )


def column_sum(rows: Iterable[Any], key: str) -> float:
    """Add up a column of rows, which may be invalid, but are objects; only plain numbers count."""
    total: float = 0
    for row in rows:
        value = row.get(key)
        if type(value) in (int, float) and abs(value) < 2**63:
            total += value
    return total


def page_rows(counts: Sequence[int]) -> dict[str, Any]:
    """Summarize the row counts of a day's pages: a page that is not full may lack rows.

    `odd` is the first page with more rows than page 1, or with fewer though it is not the last.
    """
    first, last = (counts[0], counts[-1]) if counts else (0, 0)
    odd = (
        {"page": page, "rows": rows}
        for page, rows in enumerate(counts, 1)
        if rows > first or (rows < first and page < len(counts))
    )
    return {"pages": len(counts), "first": first, "last": last, "odd": next(odd, {})}
