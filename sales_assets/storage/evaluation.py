"""Asset checks over days: each day is checked separately, and has its own evaluation.

What a check looks for, and where, does not belong here.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import indent
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.events import DagsterEventBatchMetadata

from sales_assets.feed.daily import knowingly
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.recorded import MATERIALIZATION, Record

Evaluations = Iterator[dg.DagsterEvent | dg.Output[None]]
"""The results of a check for Dagster."""

_NAMED_DAYS = 10


class Finding(NamedTuple):
    """The result of a check for one day.

    Attributes:
        problem: The problem; empty if there is none.
        facts: Metadata of the evaluation.
        compared: What was compared, in words, for a day that passes.
        only_a_warning: Whether the day may still be correct.
        unproven: Why the day cannot be judged; empty if it can.
    """

    problem: str
    facts: Mapping[str, str | int]
    compared: str = ""
    only_a_warning: bool = False
    unproven: str = ""


class FailedCheckError(dg.Failure):
    """A blocking check failed for some days; downstream assets are blocked."""


def daily_check(
    asset: dg.AssetsDefinition,
    look: Callable[[dg.AssetCheckExecutionContext, DayDirectories], Evaluations],
    *,
    name: str,
    description: str,
    blocking: bool = False,
) -> dg.AssetChecksDefinition:
    """`dg.asset_check` with the partitions and the storage of its asset.

    Dagster plans a check for each partition of a run, whether or not the check has partitions, and
    records those without an evaluation as skipped.

    Args:
        asset: The asset to check.
        look: Checks the days of a run in their storage.
        name: The name of the check.
        description: What it verifies.
        blocking: Whether a problem blocks downstream assets.
    """
    storage = asset.get_io_manager_key_for_asset_key(asset.key)

    def check(context: dg.AssetCheckExecutionContext) -> Evaluations:
        return look(context, getattr(context.resources, storage))

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


def evaluate(
    context: dg.AssetCheckExecutionContext,
    days: Sequence[str],
    recorded: Mapping[str, Record],
    judge: Callable[[str], Finding],
) -> Evaluations:
    """Judge each day, and return an evaluation for each.

    It is a warning if no day can be judged; a range may begin with days that have nothing to
    compare to.

    Args:
        context: The run.
        days: The days to judge.
        recorded: Their records.
        judge: Checks one day.

    Raises:
        FailedCheckError: The check blocks, and some days failed.
    """
    [spec] = context.check_specs
    step = context.op_execution_context.get_step_execution_context()
    batch = uuid.uuid4().hex
    findings = {day: _finding(judge, day) for day in days}
    proves_nothing = all(finding.unproven for finding in findings.values())
    wrong: dict[str, str] = {}
    for number, (day, finding) in enumerate(findings.items(), 1):
        warning = finding.only_a_warning or not finding.problem
        if not warning:
            wrong[day] = finding.problem
        evaluation = dg.AssetCheckEvaluation(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=not (finding.problem or proves_nothing),
            severity=dg.AssetCheckSeverity.WARN if warning else dg.AssetCheckSeverity.ERROR,
            description=finding.problem or finding.unproven or finding.compared,
            metadata=finding.facts,
            target_materialization_data=recorded.get(day, {}).get(MATERIALIZATION),
            blocking=spec.blocking,
            partition=day,
        )
        # In batches, unlike yielded evaluations, which take twice as long for a year on Postgres.
        yield dg.DagsterEvent.from_step(
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            step,
            evaluation,
            f"{spec.asset_key.to_user_string()} {day}: {spec.name}: {evaluation.description}",
            DagsterEventBatchMetadata(batch, number == len(days)),
        )
    if wrong and spec.blocking:
        raise FailedCheckError(_text(spec, wrong, len(days)))
    yield dg.Output(None)


def _text(spec: dg.AssetCheckSpec, wrong: Mapping[str, str], count: int) -> str:
    lines = [
        f"{spec.asset_key.to_user_string()}: {spec.name} failed for {len(wrong)} of {count} days; "
        "downstream assets are blocked"
    ]
    lines += [indent(f"{day}: {wrong[day]}", "  ") for day in [*wrong][:_NAMED_DAYS]]
    if len(wrong) > _NAMED_DAYS:
        lines.append(f"  and {len(wrong) - _NAMED_DAYS} more days; see each partition")
    return "\n".join(lines)


def _finding(judge: Callable[[str], Finding], day: str) -> Finding:
    try:
        return judge(day)
    except Exception as error:
        # Damaged files may raise any error; one such day must not hide problems of the others.
        return Finding(" ".join(str(error).split()) or repr(error), {})
