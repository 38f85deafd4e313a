"""One evaluation of a check for all days of a run."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from sales_assets.feed.evaluation import Finding, evaluate
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets_tests.helpers.evaluations import failed, table
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY


def test_sound_days_pass_every_check_in_one_evaluation_each(pipeline: Pipeline) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    assert len(evaluations) == len(SALES_CHECKS)
    assert failed(evaluations) == {}
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == [*reversed(DAYS)]
    assert failed(pipeline.run(DAY)) == {}


def judged(days: Sequence[str], finding: Finding) -> dg.AssetCheckResult:
    return evaluate(days, lambda day: finding)


def test_what_proves_nothing_of_any_day_is_a_warning() -> None:
    result = judged(DAYS, Finding("", {}, unproven="there is nothing to compare with"))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description == "there is nothing to compare with"


def test_a_check_of_no_day_is_a_warning() -> None:
    result = judged([], Finding("", {}))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert result.description == "there is no day to check"


def test_what_proves_something_of_a_day_passes() -> None:
    unproven = Finding("", {}, unproven="there is nothing to compare with")
    result = evaluate(DAYS, lambda day: Finding("", {}) if day == DAYS[2] else unproven)
    assert result.passed


def test_the_table_has_failed_days_first_and_no_more_than_a_month_of_days() -> None:
    days = [f"2022-{month:02}-{day:02}" for month in (8, 9) for day in range(1, 31)]
    result = evaluate(days, lambda day: Finding("bad" if day == "2022-08-05" else "", {}))
    metadata: Any = result.metadata["days"]
    shown = [record.data["day"] for record in metadata.records]
    assert len(shown) == 31
    assert shown[:3] == ["2022-08-05", "2022-09-30", "2022-09-29"]


def test_checks_without_a_partition_are_of_all_recorded_days(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[1])
    evaluations = pipeline.check(None)
    assert len(evaluations) == len(SALES_CHECKS)
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == [DAYS[1], DAYS[0]]
        assert evaluation.metadata["days_checked"].value == 2


def test_a_damaged_day_of_a_range_is_named_and_the_others_are_not(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    damaged = pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_2.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"TV", b"PC"))
    evaluation = pipeline.check(DAYS[0], DAYS[-1])["raw_sales_is_as_recorded"]
    assert not evaluation.passed
    assert evaluation.metadata["failed_days"].value == [DAYS[1]]
    assert "is not what was recorded" in (evaluation.description or "")
    assert [bool(record["problem"]) for record in table(evaluation)] == [True, False, False]
