"""The asset checks: whether the days on disk are whole, and what was recorded, and plausible.

A check reads what the materializations recorded, in one query for all of its days, and the files as
far as it must: hashes, block headers, a page or a row at a time. What makes a row a sale is said in
`sales_record`.
"""

import datetime
import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
import fastavro

from sales_assets.feed.json_rows import values_of_page
from sales_assets.feed.recorded import recorded_days
from sales_assets.sales.assets import SALES_DAYS, raw_sales, stg_sales
from sales_assets.storage.formats import content_sha256
from sales_assets.storage.io_manager import PartitionDirectoryIOManager

_NAMED_DAYS = 10
_WEEKS = 4
_FEW, _MANY = 0.5, 2
_NEVER_RECORDED = "never recorded: materialize it, or run `sales-assets verify --fix`"

Storage = dg.ResourceParam[PartitionDirectoryIOManager]
Recorded = Mapping[str, Mapping[str, Any]]


class Finding(NamedTuple):
    """What a check says of one day.

    Attributes:
        problem: What is wrong; empty when nothing is.
        facts: Columns of the table of days, the same for each day of a check.
        only_a_warning: The day may be right all the same.
    """

    problem: str
    facts: Mapping[str, str | int]
    only_a_warning: bool = False


@dg.asset_check(asset=raw_sales, blocking=True)
def raw_sales_is_as_recorded(
    context: dg.AssetCheckExecutionContext, json_pages: Storage
) -> dg.AssetCheckResult:
    """The pages are numbered without gaps, none is there twice, and the content is as recorded."""
    days = _days(context)
    recorded = recorded_days(context.instance, raw_sales.key, days)

    def judge(day: str) -> Finding:
        with json_pages.files(raw_sales.key, day) as files:
            whole = hashlib.sha256()
            first_with: dict[bytes, int] = {}
            for number, path in enumerate(files, 1):
                page = path.read_bytes()
                whole.update(page)
                same = first_with.setdefault(hashlib.sha256(page).digest(), number)
                if same != number:
                    return Finding(f"page {number} is page {same} again", {"pages": len(files)})
        return Finding(_as_recorded(whole.hexdigest(), recorded.get(day)), {"pages": len(files)})

    return _evaluate(days, judge)


@dg.asset_check(asset=raw_sales)
def raw_sales_pages_are_full(
    context: dg.AssetCheckExecutionContext, json_pages: Storage
) -> dg.AssetCheckResult:
    """Every page but the last has as many rows as the first.

    It does not block: a page that is not full may be missing rows, but does not prove it.
    """
    days = _days(context)

    def judge(day: str) -> Finding:
        with json_pages.files(raw_sales.key, day) as files:
            rows = [len(values_of_page(path.read_bytes())) for path in files]
        odd = [n for n, count in enumerate(rows[:-1], 1) if count != rows[0]]
        if rows[-1] > rows[0]:
            odd.append(len(rows))
        facts = {"pages": len(rows), "rows_of_page_1": rows[0], "rows_of_last_page": rows[-1]}
        if odd:
            return Finding(f"page {odd[0]} has {rows[odd[0] - 1]} rows, page 1 {rows[0]}", facts)
        return Finding("", facts)

    return _evaluate(days, judge)


@dg.asset_check(asset=stg_sales, blocking=True)
def stg_sales_is_as_recorded(
    context: dg.AssetCheckExecutionContext, avro_file: Storage
) -> dg.AssetCheckResult:
    """The content is as recorded, and has the rows of raw_sales without the rejected ones."""
    days = _days(context)
    recorded = recorded_days(context.instance, stg_sales.key, days)
    raw = recorded_days(context.instance, raw_sales.key, days)

    def judge(day: str) -> Finding:
        with avro_file.files(stg_sales.key, day) as files:
            rows = avro_file.format.count_rows(files)
            problem = _as_recorded(content_sha256(files), recorded.get(day))
        rejected = recorded.get(day, {}).get("rejected_rows", 0)
        # A day of raw that was put there by hand has no record.
        expected = raw.get(day, {}).get("dagster/row_count", rows + rejected)
        if not problem and rows + rejected != expected:
            problem = f"{rows} rows and {rejected} rejected, but raw_sales has {expected}"
        return Finding(problem, {"rows": rows, "rejected_rows": rejected, "raw_rows": expected})

    return _evaluate(days, judge)


@dg.asset_check(asset=stg_sales, blocking=True)
def stg_sales_rows_are_sales_of_the_day(
    context: dg.AssetCheckExecutionContext, avro_file: Storage
) -> dg.AssetCheckResult:
    """Every sale is of its day, with a client and a product; a price that is not positive warns."""
    days = _days(context)

    def judge(day: str) -> Finding:
        date = datetime.date.fromisoformat(day)
        other_day = no_text = not_positive = 0
        with avro_file.files(stg_sales.key, day) as files:
            for path in files:
                with path.open("rb") as file:
                    for row in fastavro.reader(file):
                        other_day += row["purchase_date"] != date  # type: ignore[call-overload, index]
                        no_text += not (row["client"] and row["product"])  # type: ignore[call-overload, index]
                        not_positive += row["price"] <= 0  # type: ignore[call-overload, index, operator]
        counts = {
            "of another day": other_day,
            "without client or product": no_text,
            "with a price that is not positive": not_positive,
        }
        problem = ", ".join(f"{count} rows {what}" for what, count in counts.items() if count)
        return Finding(problem, counts, only_a_warning=not (other_day or no_text))

    return _evaluate(days, judge)


@dg.asset_check(asset=stg_sales)
def stg_sales_row_count_is_usual(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The number of rows is not far off those of the same weekday in the four weeks before."""
    days = _days(context)
    before = {day: _same_weekdays_before(day) for day in days}
    recorded = recorded_days(
        context.instance, stg_sales.key, {*days, *itertools.chain(*before.values())}
    )

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        rows = recorded[day]["dagster/row_count"]
        known = [recorded[d]["dagster/row_count"] for d in before[day] if d in recorded]
        if not known:
            return Finding("", {"rows": rows, "lowest": "", "highest": ""})
        lowest, highest = int(min(known) * _FEW), int(max(known) * _MANY)
        facts = {"rows": rows, "lowest": lowest, "highest": highest}
        usual = lowest <= rows <= highest
        problem = "" if usual else f"{rows} rows, where {lowest} to {highest} are usual"
        return Finding(problem, facts, only_a_warning=True)

    return _evaluate(days, judge)


@dg.asset_check(asset=stg_sales)
def stg_sales_has_no_unknown_fields(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    """The API sends no field that is not in the contract (raw_sales keeps those that it does)."""
    days = _days(context)
    recorded = recorded_days(context.instance, stg_sales.key, days)

    def judge(day: str) -> Finding:
        if day not in recorded:
            return Finding(_NEVER_RECORDED, {})
        fields = recorded[day].get("unknown_fields", {})
        texts = [
            f"{name} (first in {seen['first']}; {seen['rows']} rows)"
            for name, seen in fields.items()
        ]
        return Finding(", ".join(texts), {"fields": ", ".join(fields)}, only_a_warning=True)

    return _evaluate(days, judge)


SALES_CHECKS = [
    raw_sales_is_as_recorded,
    raw_sales_pages_are_full,
    stg_sales_is_as_recorded,
    stg_sales_rows_are_sales_of_the_day,
    stg_sales_row_count_is_usual,
    stg_sales_has_no_unknown_fields,
]


def _days(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """List the days of the run, or all recorded ones if it has none (*Execute* in the UI).

    The checks themselves have no partitions: Dagster takes the partition of an evaluation from the
    run, which for a range has none, and would call the check of each of its days skipped.
    """
    if context.has_partition_key:
        return [context.partition_key]
    if context.has_partition_key_range:
        return SALES_DAYS.get_partition_keys_in_range(context.partition_key_range)
    [spec] = context.check_specs
    return sorted(context.instance.get_materialized_partitions(spec.asset_key))


def _evaluate(days: Sequence[str], judge: Callable[[str], Finding]) -> dg.AssetCheckResult:
    """Judge each day, in one evaluation, which names the days in its metadata."""
    findings = {day: _finding(judge, day) for day in days}
    failed = {day: finding for day, finding in findings.items() if finding.problem}
    warning = all(finding.only_a_warning for finding in failed.values())
    lines = [f"{day}: {finding.problem}" for day, finding in failed.items()]
    if len(lines) > _NAMED_DAYS:
        lines[_NAMED_DAYS:] = [f"and {len(lines) - _NAMED_DAYS} more days"]
    columns = dict.fromkeys(name for finding in findings.values() for name in finding.facts)
    table = [
        dg.TableRecord(
            {
                "day": day,
                "problem": finding.problem,
                **{name: finding.facts.get(name, "") for name in columns},
            }
        )
        for day, finding in findings.items()
    ]
    names = ("day", "problem", *columns)
    schema = dg.TableSchema([dg.TableColumn(name, "any") for name in names])
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR,
        description="; ".join(lines) or f"all right: {_one_or_many(days)}",
        metadata={
            "days_checked": len(days),
            "days_failed": len(failed),
            "failed_days": [*failed],
            "days": dg.MetadataValue.table(records=table, schema=schema),
        },
    )


def _one_or_many(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days"


def _finding(judge: Callable[[str], Finding], day: str) -> Finding:
    try:
        return judge(day)
    except Exception as error:
        # Damaged files fail in any way; one such day must not hide what is wrong with the others.
        return Finding(" ".join(str(error).split()) or repr(error), {})


def _as_recorded(digest: str, recorded: Mapping[str, Any] | None) -> str:
    if recorded is None:
        return _NEVER_RECORDED
    if recorded["sha256"] != digest:
        return f"the content is not what was recorded (SHA-256 {digest[:12]}..., recorded " + (
            f"{recorded['sha256'][:12]}...): materialize it again"
        )
    return ""


def _same_weekdays_before(day: str) -> list[str]:
    date = datetime.date.fromisoformat(day)
    weeks = (date - datetime.timedelta(weeks=week) for week in range(1, _WEEKS + 1))
    return [week.isoformat() for week in weeks]
