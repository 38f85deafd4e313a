"""One evaluation of a check for all days of a run."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from sales_assets.sales.checks import SALES_CHECKS
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY


def failed(evaluations: dict[str, dg.AssetCheckEvaluation]) -> dict[str, str]:
    """The descriptions of the checks that failed."""
    return {name: one.description or "" for name, one in evaluations.items() if not one.passed}


def table(evaluation: dg.AssetCheckEvaluation) -> Iterator[Any]:
    metadata: Any = evaluation.metadata["days"]
    return iter([record.data for record in metadata.records])


def test_sound_days_pass_every_check_in_one_evaluation_each(pipeline: Pipeline) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    assert len(evaluations) == len(SALES_CHECKS)
    assert failed(evaluations) == {}
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == list(DAYS)
    assert failed(pipeline.run(DAY)) == {}


def test_checks_without_a_partition_are_of_all_recorded_days(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[1])
    evaluations = pipeline.check(None)
    assert len(evaluations) == len(SALES_CHECKS)
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == [*DAYS[:2]]
        assert evaluation.metadata["days_checked"].value == 2


def test_a_damaged_day_of_a_range_is_named_and_the_others_are_not(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    damaged = pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_2.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"TV", b"PC"))
    evaluation = pipeline.check(DAYS[0], DAYS[-1])["raw_sales_is_as_recorded"]
    assert not evaluation.passed
    assert evaluation.metadata["failed_days"].value == [DAYS[1]]
    assert "is not what was recorded" in (evaluation.description or "")
    assert [bool(record["problem"]) for record in table(evaluation)] == [False, True, False]
