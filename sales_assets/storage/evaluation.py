"""Asset checks over days: each day is checked separately, and has its own evaluation."""

import datetime
import uuid
from collections.abc import Callable, Iterator, Mapping
from textwrap import indent
from typing import Any, NamedTuple, TypeAlias

import dagster as dg
from dagster._core.events import DagsterEventBatchMetadata

from sales_assets.feed.daily import knowingly
from sales_assets.feed.days import days_of_run
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.recorded import MATERIALIZATION

_Results = Iterator[dg.DagsterEvent | dg.Output[None]]

_NAMED_DAYS = 10
_WEEKS = 4


class Finding(NamedTuple):
    """The result of a check for one day.

    Attributes:
        problem: Empty if there is none.
        facts: Metadata of the evaluation.
        compared: What was compared, for a day that passes.
        only_a_warning: Whether the day may still be correct.
        unproven: Why the day cannot be judged; empty if it can.
    """

    problem: str
    facts: Mapping[str, str | int]
    compared: str = ""
    only_a_warning: bool = False
    unproven: str = ""


class CheckedDays:
    """The days of an asset that a run checks.

    Attributes:
        recorded: Their records, and those of the same weekday in the previous four weeks.
        upstream: The records of the days they are made from, by the name of the upstream asset.
    """

    def __init__(
        self,
        context: dg.AssetCheckExecutionContext,
        asset: dg.AssetsDefinition,
        storage: DayDirectories,
    ) -> None:
        self.asset = asset.key
        self.days = days_of_run(context, asset.key)
        self.storage = storage
        others = {other for day in self.days for other in same_weekdays_before(day)}
        self.recorded = storage.known(context.instance, asset.key, others.union(self.days))
        self.upstream = {
            parent.to_user_string(): storage.known(context.instance, parent, self.days)
            for parent in asset.asset_deps[asset.key]
        }


Judge: TypeAlias = Callable[[CheckedDays, str], Finding]
"""Checks one of the days, which is recorded."""


def same_weekdays_before(day: str) -> list[str]:
    """List the days one to four weeks before a day."""
    date = datetime.date.fromisoformat(day)
    return [(date - datetime.timedelta(weeks=n)).isoformat() for n in range(1, _WEEKS + 1)]


def daily_check(
    asset: dg.AssetsDefinition,
    judge: Judge,
    *,
    name: str,
    description: str,
    blocking: bool = False,
) -> dg.AssetChecksDefinition:
    """`dg.asset_check` with the partitions and the storage of its asset, judged day by day.

    It is a warning if no day can be judged; a range may begin with days that have nothing to
    compare to. A check that blocks fails its step.
    """
    storage = asset.get_io_manager_key_for_asset_key(asset.key)

    def check(context: dg.AssetCheckExecutionContext) -> _Results:
        checked = CheckedDays(context, asset, getattr(context.resources, storage))
        return _evaluate(context, checked, judge)

    with knowingly():
        decorator: Callable[[Callable[..., Any]], dg.AssetChecksDefinition] = dg.asset_check(
            asset=asset,
            name=name,
            description=description,
            blocking=blocking,
            partitions_def=asset.partitions_def,
            required_resource_keys={storage},
        )
        return decorator(check)


def _evaluate(
    context: dg.AssetCheckExecutionContext, checked: CheckedDays, judge: Judge
) -> _Results:
    [spec] = context.check_specs
    asset, step = spec.asset_key, context.op_execution_context.get_step_execution_context()
    findings = {day: _finding(checked, judge, day) for day in checked.days}
    proves_nothing = all(finding.unproven for finding in findings.values())
    batch = uuid.uuid4().hex
    wrong: list[str] = []
    for number, (day, finding) in enumerate(findings.items(), 1):
        is_warning = finding.only_a_warning or not finding.problem
        if not is_warning:
            wrong.append(indent(f"{day}: {finding.problem}", "  "))
        evaluation = dg.AssetCheckEvaluation(
            asset_key=asset,
            check_name=spec.name,
            passed=not (finding.problem or proves_nothing),
            severity=dg.AssetCheckSeverity.WARN if is_warning else dg.AssetCheckSeverity.ERROR,
            description=finding.problem or finding.unproven or finding.compared,
            metadata=finding.facts,
            target_materialization_data=checked.recorded.get(day, {}).get(MATERIALIZATION),
            blocking=spec.blocking,
            partition=day,
        )
        # In batches, unlike yielded evaluations, which take twice as long for a year on Postgres.
        yield dg.DagsterEvent.from_step(
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            step,
            evaluation,
            f"{asset.to_user_string()} {day}: {spec.name}: {evaluation.description}",
            DagsterEventBatchMetadata(batch, number == len(findings)),
        )
    if wrong and spec.blocking:
        shown = wrong[:_NAMED_DAYS]
        if len(wrong) > _NAMED_DAYS:
            shown.append(f"  and {len(wrong) - _NAMED_DAYS} more days; see each partition")
        raise dg.Failure(
            f"{asset.to_user_string()}: {spec.name} failed for {len(wrong)} of {len(findings)} "
            "days; downstream assets are blocked\n" + "\n".join(shown)
        )
    yield dg.Output(None)


def _finding(checked: CheckedDays, judge: Judge, day: str) -> Finding:
    if day not in checked.recorded:
        return Finding("never recorded: materialize it, or run `sales-assets verify --fix`", {})
    try:
        return judge(checked, day)
    except Exception as error:
        # Damaged files may raise any error; one such day must not hide problems of the others.
        return Finding(" ".join(str(error).split()) or repr(error), {})
