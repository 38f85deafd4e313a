"""The checks that daily feeds share: whether stored days are complete and usual.

A check reads the records of all its days in one query, and reads files only if it must. Each
function checks the days of one asset; a feed supplies what is specific to its rows.
"""

import datetime
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from sales_assets.feed.days import days_of_run
from sales_assets.feed.summary import PAGE_ROWS, page_rows
from sales_assets.storage.comparison import content_differences, source_differences
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.evaluation import Evaluations, Finding, evaluate
from sales_assets.storage.recorded import Record
from sales_assets.storage.stored_day import describe

_WEEKS = 4
_FEW, _MANY = 0.5, 2
_NEVER_RECORDED = "never recorded: materialize it, or run `sales-assets verify --fix`"


def is_as_recorded(context: dg.AssetCheckExecutionContext, storage: DayDirectories) -> Evaluations:
    """The content is as recorded, and was made from the current upstream day, if it has one.

    A day that has an upstream day has all of its rows, except for rejected ones.
    """
    key, days, recorded = _checked(context, storage)
    graph = context.op_execution_context.job_def.asset_layer.asset_graph
    upstream = {
        parent.to_user_string(): storage.known(context.instance, parent, days)
        for parent in graph.get(key).parent_keys
    }

    def judge(day: str) -> Finding:
        with storage.files(key, day) as files:
            stored = describe(files)
            facts = {**storage.format.counts(files), "sha256": stored["sha256"]}
        if day not in recorded:
            return Finding(_NEVER_RECORDED, facts)
        day_is = recorded[day]
        facts["rows"] = rows = day_is["dagster/row_count"]
        if wrong := "; ".join(content_differences(day_is, stored)):
            return Finding(f"{wrong}: materialize it again", facts)
        compared = f"{rows:,} rows with SHA-256 {stored['sha256'][:12]}..., as recorded"
        for name, sources in upstream.items():
            # A raw day that was put there by hand has no record.
            if source := sources.get(day):
                rejected, upstream_rows = (
                    day_is.get("rejected_rows", 0),
                    source["dagster/row_count"],
                )
                facts |= {"rejected_rows": rejected, "upstream_rows": upstream_rows}
                for _, problem in source_differences(
                    name, day_is, source, rows + rejected, upstream_rows
                ):
                    return Finding(f"{problem}: materialize {key.to_user_string()} again", facts)
                compared += f"; {rows + rejected:,} rows match {name}"
        return Finding("", facts, compared)

    return evaluate(context, days, recorded, judge)


def pages_are_full(context: dg.AssetCheckExecutionContext, storage: DayDirectories) -> Evaluations:
    """Every page but the last has as many rows as the first."""
    key, days, recorded = _checked(context, storage)

    def counted(day: str) -> Any:
        with storage.files(key, day) as files:
            return page_rows([page.count for page in storage.format.read(files)])

    def judge(day: str) -> Finding:
        # A day that was recorded as found, or by an earlier version, is counted now.
        rows = recorded.get(day, {}).get(PAGE_ROWS) or counted(day)
        facts = {
            "pages": rows["pages"],
            "rows_of_page_1": rows["first"],
            "rows_of_last_page": rows["last"],
        }
        if odd := rows["odd"]:
            problem = f"page {odd['page']} has {odd['rows']} rows, page 1 has {rows['first']}"
            return Finding(problem, facts)
        pages = f"{rows['pages']} pages" if rows["pages"] != 1 else "1 page"
        return Finding("", facts, f"{pages} of {rows['first']} rows; the last has {rows['last']}")

    return evaluate(context, days, recorded, judge)


def rows_are(
    wrong: Mapping[str, Callable[[Any, datetime.date], bool]],
    odd: Mapping[str, Callable[[Any, datetime.date], bool]],
) -> Callable[[dg.AssetCheckExecutionContext, DayDirectories], Evaluations]:
    """No row is wrong in one of these ways; an odd row causes a warning.

    Args:
        wrong: Tests for wrong rows of a day, by the description of such rows.
        odd: Likewise, tests for odd rows.
    """
    looked_for = {**wrong, **odd}

    def look(context: dg.AssetCheckExecutionContext, storage: DayDirectories) -> Evaluations:
        key, days, recorded = _checked(context, storage)

        def judge(day: str) -> Finding:
            date = datetime.date.fromisoformat(day)
            counts = dict.fromkeys(looked_for, 0)
            rows = 0
            with storage.files(key, day) as files:
                for rows, row in enumerate(storage.format.rows(files), 1):  # noqa: B007
                    for what, applies in looked_for.items():
                        if applies(row, date):
                            counts[what] += 1
            problem = ", ".join(
                f"{count} {'row' if count == 1 else 'rows'} {what}"
                for what, count in counts.items()
                if count
            )
            only_a_warning = not any(counts[what] for what in wrong)
            compared = f"{rows:,} rows, none of them {', '.join(looked_for)}"
            return Finding(problem, counts, compared, only_a_warning)

        return evaluate(context, days, recorded, judge)

    return look


def row_count_is_usual(
    context: dg.AssetCheckExecutionContext, storage: DayDirectories
) -> Evaluations:
    """The row count is close to those of the same weekday in the previous four weeks."""
    key, days = _asset_and_days(context)
    before = {day: _same_weekdays_before(day) for day in days}
    recorded = storage.known(context.instance, key, {*days, *itertools.chain(*before.values())})

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        count = recorded[day]["dagster/row_count"]
        known = [recorded[d]["dagster/row_count"] for d in before[day] if d in recorded]
        if not known:
            weekday = f"{datetime.date.fromisoformat(day):%A}"
            facts: dict[str, int | str] = {"rows": count, "lowest": "", "highest": ""}
            return Finding("", facts, unproven=f"no earlier {weekday} to compare with")
        lowest, highest = int(min(known) * _FEW), int(max(known) * _MANY)
        facts = {"rows": count, "lowest": lowest, "highest": highest}
        usual = f"{lowest:,} to {highest:,} are usual"
        if lowest <= count <= highest:
            return Finding("", facts, f"{count:,} rows; {usual}")
        return Finding(f"{count:,} rows, but {usual}", facts, only_a_warning=True)

    return evaluate(context, days, recorded, judge)


def no_unknown_fields(
    context: dg.AssetCheckExecutionContext, storage: DayDirectories
) -> Evaluations:
    """No row had a field that is not in the contract."""
    _, days, recorded = _checked(context, storage)

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        fields = recorded[day].get("unknown_fields", {})
        texts = [
            f"{name} (first in {seen['first']}; rows: {seen['rows']})"
            for name, seen in fields.items()
        ]
        compared = f"{recorded[day]['dagster/row_count']:,} rows without unknown fields"
        facts = {"fields": ", ".join(fields)}
        return Finding(", ".join(texts), facts, compared, only_a_warning=True)

    return evaluate(context, days, recorded, judge)


def _asset_and_days(context: dg.AssetCheckExecutionContext) -> tuple[dg.AssetKey, Sequence[str]]:
    [spec] = context.check_specs
    return spec.asset_key, days_of_run(context, spec.asset_key)


def _checked(
    context: dg.AssetCheckExecutionContext, storage: DayDirectories
) -> tuple[dg.AssetKey, Sequence[str], Mapping[str, Record]]:
    """Return the days to check, and their records."""
    key, days = _asset_and_days(context)
    return key, days, storage.known(context.instance, key, days)


def _same_weekdays_before(day: str) -> list[str]:
    date = datetime.date.fromisoformat(day)
    weeks = (date - datetime.timedelta(weeks=week) for week in range(1, _WEEKS + 1))
    return [week.isoformat() for week in weeks]
