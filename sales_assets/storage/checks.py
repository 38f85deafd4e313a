"""What the checks of any daily feed look for: whether its stored days are whole, and usual.

A check reads what the materializations recorded, in one query for all of its days, and the files as
far as it must. Each function makes the result of one check of one asset; what is particular to the
rows of a feed is said by that feed.
"""

import datetime
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from sales_assets.feed.page_rows import PAGE_ROWS, PageRows
from sales_assets.storage.evaluation import Evaluations, Finding, evaluate
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.recorded import Recorded
from sales_assets.storage.stored_day import describe, discrepancies

Storage = dg.ResourceParam[PartitionDirectoryIOManager]

_WEEKS = 4
_FEW, _MANY = 0.5, 2
_NEVER_RECORDED = "never recorded: materialize it, or run `sales-assets verify --fix`"


def pages_are_as_recorded(
    context: dg.AssetCheckExecutionContext, pages: PartitionDirectoryIOManager
) -> Evaluations:
    """The pages are numbered without gaps, and their content is as recorded."""
    key, days, recorded = _checked(context, pages)

    def judge(day: str) -> Finding:
        with pages.files(key, day) as files:
            rows = recorded[day]["dagster/row_count"] if day in recorded else 0
            problem = _as_recorded(recorded.get(day), describe(files), rows)
            return Finding(problem, {"pages": len(files)})

    return evaluate(context, days, recorded, judge)


def pages_are_full(
    context: dg.AssetCheckExecutionContext, pages: PartitionDirectoryIOManager
) -> Evaluations:
    """Every page but the last has as many rows as the first."""
    key, days, recorded = _checked(context, pages)

    def counted(day: str) -> Any:
        page_rows = PageRows()
        with pages.files(key, day) as files:
            for page in pages.format.read(files):
                page_rows.add(page.count)
        return page_rows.metadata()[PAGE_ROWS]

    def judge(day: str) -> Finding:
        # A day that was recorded as it lay there, or by an earlier version, is counted now.
        rows = recorded.get(day, {}).get(PAGE_ROWS) or counted(day)
        facts = {
            "pages": rows["pages"],
            "rows_of_page_1": rows["first"],
            "rows_of_last_page": rows["last"],
        }
        if odd := rows["odd"]:
            return Finding(
                f"page {odd['page']} has {odd['rows']} rows, page 1 {rows['first']}", facts
            )
        return Finding("", facts)

    return evaluate(context, days, recorded, judge)


def rows_are_as_recorded(
    context: dg.AssetCheckExecutionContext,
    rows: PartitionDirectoryIOManager,
    pages: PartitionDirectoryIOManager,
    raw: dg.AssetKey,
) -> Evaluations:
    """The content is as recorded, and has the rows of the raw asset without the rejected ones."""
    key, days, recorded = _checked(context, rows)
    recorded_raw = pages.recorded(context.instance, raw, days)

    def judge(day: str) -> Finding:
        with rows.files(key, day) as files:
            count = rows.format.count_rows(files)
            problem = _as_recorded(recorded.get(day), describe(files), count)
        rejected = recorded.get(day, {}).get("rejected_rows", 0)
        # A day of raw that was put there by hand has no record.
        expected = recorded_raw.get(day, {}).get("dagster/row_count", count + rejected)
        if not problem and count + rejected != expected:
            problem = (
                f"{count} rows and {rejected} rejected, but {raw.to_user_string()} has {expected}"
            )
        facts = {"rows": count, "rejected_rows": rejected, "raw_rows": expected}
        return Finding(problem, facts)

    return evaluate(context, days, recorded, judge)


def rows_are(
    context: dg.AssetCheckExecutionContext,
    rows: PartitionDirectoryIOManager,
    wrong: Mapping[str, Callable[[Any, datetime.date], bool]],
    odd: Mapping[str, Callable[[Any, datetime.date], bool]],
) -> Evaluations:
    """No row is wrong in one of these ways; one that is odd makes a warning.

    Args:
        context: The run.
        rows: Where the rows are.
        wrong: What may be wrong with a row of a day, by what to say of such rows.
        odd: Likewise, what may be odd.
    """
    key, days, recorded = _checked(context, rows)
    looked_for = {**wrong, **odd}

    def judge(day: str) -> Finding:
        date = datetime.date.fromisoformat(day)
        counts = dict.fromkeys(looked_for, 0)
        with rows.files(key, day) as files:
            for row in rows.format.rows(files):
                for what, applies in looked_for.items():
                    if applies(row, date):
                        counts[what] += 1
        problem = ", ".join(f"{count} rows {what}" for what, count in counts.items() if count)
        return Finding(problem, counts, only_a_warning=not any(counts[what] for what in wrong))

    return evaluate(context, days, recorded, judge)


def row_count_is_usual(
    context: dg.AssetCheckExecutionContext, rows: PartitionDirectoryIOManager
) -> Evaluations:
    """The number of rows is not far off those of the same weekday in the four weeks before."""
    key, days = _asset_and_days(context)
    before = {day: _same_weekdays_before(day) for day in days}
    recorded = rows.recorded(context.instance, key, {*days, *itertools.chain(*before.values())})

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        count = recorded[day]["dagster/row_count"]
        known = [recorded[d]["dagster/row_count"] for d in before[day] if d in recorded]
        if not known:
            facts: dict[str, int | str] = {"rows": count, "lowest": "", "highest": ""}
            return Finding("", facts, unproven="there is no such weekday to compare with yet")
        lowest, highest = int(min(known) * _FEW), int(max(known) * _MANY)
        facts = {"rows": count, "lowest": lowest, "highest": highest}
        usual = lowest <= count <= highest
        problem = "" if usual else f"{count} rows, where {lowest} to {highest} are usual"
        return Finding(problem, facts, only_a_warning=True)

    return evaluate(context, days, recorded, judge)


def no_unknown_fields(
    context: dg.AssetCheckExecutionContext, rows: PartitionDirectoryIOManager
) -> Evaluations:
    """The API sends no field that is not in the contract (raw keeps those that it does)."""
    _, days, recorded = _checked(context, rows)

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        fields = recorded[day].get("unknown_fields", {})
        texts = [
            f"{name} (first in {seen['first']}; {seen['rows']} rows)"
            for name, seen in fields.items()
        ]
        return Finding(", ".join(texts), {"fields": ", ".join(fields)}, only_a_warning=True)

    return evaluate(context, days, recorded, judge)


def _asset_and_days(context: dg.AssetCheckExecutionContext) -> tuple[dg.AssetKey, Sequence[str]]:
    [spec] = context.check_specs
    return spec.asset_key, context.partition_keys


def _checked(
    context: dg.AssetCheckExecutionContext, storage: PartitionDirectoryIOManager
) -> tuple[dg.AssetKey, Sequence[str], Mapping[str, Recorded]]:
    """Give what is checked, and what is recorded of it."""
    key, days = _asset_and_days(context)
    return key, days, storage.recorded(context.instance, key, days)


def _as_recorded(recorded: Mapping[str, Any] | None, stored: Mapping[str, Any], rows: int) -> str:
    if recorded is None:
        return _NEVER_RECORDED
    return "; ".join(one.detail for one in discrepancies(recorded, stored, rows))


def _same_weekdays_before(day: str) -> list[str]:
    date = datetime.date.fromisoformat(day)
    weeks = (date - datetime.timedelta(weeks=week) for week in range(1, _WEEKS + 1))
    return [week.isoformat() for week in weeks]
