"""An evaluation of each check for each day of a run."""

from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.storage.evaluation import Finding, daily_check
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline, evaluations_of, failed
from sales_assets_tests.helpers.things import judge_days, things


def test_a_damaged_day_of_a_range_fails_and_the_others_do_not(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    page = pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_2.json"
    page.write_bytes(page.read_bytes().replace(b"TV", b"PC"))
    days = pipeline.check(DAYS[0], DAYS[-1])["raw_sales_is_as_recorded"]
    assert [one.passed for one in days.values()] == [True, False, True]
    assert "differs from the record" in (days[DAYS[1]].description or "")


def test_sound_days_pass_every_check_with_a_row_a_day_that_names_its_materialization(
    pipeline: Pipeline,
) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    assert failed(evaluations) == {}
    for key in (check.check_key for check in SALES_CHECKS):
        events = pipeline.instance.event_log_storage
        history = events.get_asset_check_execution_history(key, limit=100)
        assert sorted(row.partition or "" for row in history) == [*DAYS]
        assert AssetCheckExecutionRecordStatus.PLANNED not in {row.status for row in history}
        stored = pipeline.instance.fetch_materializations(key.asset_key, limit=10).records
        found = evaluations[f"{key.asset_key.to_user_string()}_{key.name}"]
        assert {record.partition_key: record.storage_id for record in stored} == {
            day: one.target_materialization_data and one.target_materialization_data.storage_id
            for day, one in found.items()
        }


def judged(*findings: Finding, blocking: bool = False) -> dg.ExecuteInProcessResult:
    """Find this of the days."""
    by_day = dict(zip(DAYS, findings, strict=True))
    check = daily_check(
        things, lambda _, day: by_day[day], name="are_right", description="", blocking=blocking
    )
    return judge_days(check, last=DAYS[-1])


def results(result: dg.ExecuteInProcessResult) -> list[tuple[bool, str | None]]:
    """Give what was found of each day."""
    days = evaluations_of(result)["things_are_right"].values()
    return [(one.passed, one.description) for one in days]


GOOD, BAD, ODD = Finding("", {}), Finding("bad", {}), Finding("odd", {}, only_a_warning=True)
UNPROVEN = Finding("", {}, unproven="nothing to compare with")


@pytest.mark.parametrize(
    ("findings", "blocking", "passed"),
    [
        ([BAD, BAD, BAD], False, False),
        ([ODD, ODD, ODD], True, False),
        ([UNPROVEN, UNPROVEN, UNPROVEN], True, False),
        ([UNPROVEN, UNPROVEN, GOOD], True, True),
    ],
)
def test_a_warning_fails_no_run_and_what_proves_nothing_of_any_day_is_one(
    findings: list[Finding], blocking: bool, passed: bool
) -> None:
    result = judged(*findings, blocking=blocking)
    assert result.success
    assert results(result) == [(passed, one.problem or one.unproven) for one in findings]


def test_a_check_that_blocks_fails_the_run_and_its_error_names_the_days() -> None:
    result = judged(BAD, ODD, BAD, blocking=True)
    assert [passed for passed, _ in results(result)] == [False] * 3
    error: Any = result.failure_data_for_node("things_are_right")
    assert error.user_failure_data.description == (
        "things: are_right failed for 2 of 3 days; downstream assets are blocked\n"
        "  2022-08-09: bad\n"
        "  2022-08-11: bad"
    )
