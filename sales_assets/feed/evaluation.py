"""Asset checks over days: each day is judged by itself, all of them in one evaluation.

What a check looks for, and where it looks, does not belong here.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import dagster as dg

from sales_assets.feed.recorded import is_day

_NAMED_DAYS = 10
_TABLE_DAYS = 31


class Finding(NamedTuple):
    """What a check says of one day.

    Attributes:
        problem: What is wrong; empty when nothing is.
        facts: Columns of the table of days, the same for each day of a check.
        only_a_warning: The day may be right all the same.
        unproven: Why nothing can be said of the day; empty when something can.
    """

    problem: str
    facts: Mapping[str, str | int]
    only_a_warning: bool = False
    unproven: str = ""


def checked_days(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    """List the days of the run, or all recorded ones if it has none (*Execute* in the UI).

    The checks themselves have no partitions: Dagster takes the partition of an evaluation from the
    run, which for a range has none, and would call the check of each of its days skipped.
    """
    if context.has_partition_key:
        return [context.partition_key]
    if context.has_partition_key_range:
        ends = context.partition_key_range
        first, last = (datetime.date.fromisoformat(day) for day in (ends.start, ends.end))
        count = (last - first).days + 1
        return [(first + datetime.timedelta(number)).isoformat() for number in range(count)]
    recorded = context.instance.get_materialized_partitions(checked_asset(context))
    return sorted(day for day in recorded if is_day(day))


def checked_asset(context: dg.AssetCheckExecutionContext) -> dg.AssetKey:
    """Give the asset that is checked."""
    [spec] = context.check_specs
    return spec.asset_key


def evaluate(days: Sequence[str], judge: Callable[[str], Finding]) -> dg.AssetCheckResult:
    """Judge each day, in one evaluation, which names the days in its metadata.

    When nothing can be said of any of them, that is a warning.
    """
    findings = {day: _finding(judge, day) for day in days}
    failed = {day: finding for day, finding in findings.items() if finding.problem}
    warning = all(finding.only_a_warning for finding in failed.values())
    reasons = {finding.unproven for finding in findings.values()} or {"there is no day to check"}
    unproven = "" if "" in reasons else " and ".join(sorted(reasons))
    lines = [f"{day}: {finding.problem}" for day, finding in failed.items()]
    if len(lines) > _NAMED_DAYS:
        lines[_NAMED_DAYS:] = [f"and {len(lines) - _NAMED_DAYS} more days"]
    return dg.AssetCheckResult(
        passed=not (failed or unproven),
        severity=dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR,
        description="; ".join(lines) or unproven or f"all right: {_one_or_many(days)}",
        metadata={
            "days_checked": len(days),
            "days_failed": len(failed),
            "failed_days": [*failed],
            "days": _table(findings),
        },
    )


def _table(findings: Mapping[str, Finding]) -> dg.TableMetadataValue:
    columns = dict.fromkeys(name for finding in findings.values() for name in finding.facts)
    # Those that failed first, and the latest of the others.
    shown = sorted(findings, key=lambda day: (not findings[day].problem, _age(day)))[:_TABLE_DAYS]
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "day": day,
                    "problem": findings[day].problem,
                    **{name: findings[day].facts.get(name, "") for name in columns},
                }
            )
            for day in shown
        ],
        schema=dg.TableSchema(
            [dg.TableColumn(name, "any") for name in ("day", "problem", *columns)]
        ),
    )


def _age(day: str) -> int:
    return -datetime.date.fromisoformat(day).toordinal()


def _one_or_many(days: Sequence[str]) -> str:
    return days[0] if len(days) == 1 else f"{len(days)} days"


def _finding(judge: Callable[[str], Finding], day: str) -> Finding:
    try:
        return judge(day)
    except Exception as error:
        # Damaged files fail in any way; one such day must not hide what is wrong with the others.
        return Finding(" ".join(str(error).split()) or repr(error), {})
