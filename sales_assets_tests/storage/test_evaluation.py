"""An evaluation of each check for each day of a run."""

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.storage.evaluation import Finding, daily_check
from sales_assets_tests.helpers.checked_days import EMPTY
from sales_assets_tests.helpers.evaluations import evaluations_of, failed
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")


def test_sound_days_pass_every_check(pipeline: Pipeline) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    assert len(evaluations) == len(SALES_CHECKS)
    assert all([*days] == [*DAYS] for days in evaluations.values())
    assert failed(evaluations) == {}


def test_a_damaged_day_of_a_range_fails_and_the_others_do_not(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    page = pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_2.json"
    page.write_bytes(page.read_bytes().replace(b"TV", b"PC"))
    days = pipeline.check(DAYS[0], DAYS[-1])["raw_sales_is_as_recorded"]
    assert [one.passed for one in days.values()] == [True, False, True]
    assert "differs from the record" in (days[DAYS[1]].description or "")


@pytest.mark.parametrize("last", [DAYS[0], DAYS[-1]])
def test_the_history_of_a_check_has_a_row_a_day_and_no_other(pipeline: Pipeline, last: str) -> None:
    pipeline.run(DAYS[0], last)
    days = DAYS[: DAYS.index(last) + 1]
    for check in SALES_CHECKS:
        history = pipeline.instance.event_log_storage.get_asset_check_execution_history(
            check.check_key, limit=100
        )
        assert {row.partition for row in history} == {*days}
        assert len(history) == len(days)
        assert AssetCheckExecutionRecordStatus.PLANNED not in {row.status for row in history}


def test_an_evaluation_names_the_materialization_that_it_is_of(pipeline: Pipeline) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    for check in SALES_CHECKS:
        key = check.check_key
        stored = {
            record.partition_key: record.storage_id
            for record in pipeline.instance.fetch_materializations(key.asset_key, limit=10).records
        }
        for day, one in evaluations[f"{key.asset_key.to_user_string()}_{key.name}"].items():
            target = one.target_materialization_data
            assert target
            assert target.storage_id == stored[day]


def judged(
    finding: Finding, *, blocking: bool = False, last: Finding | None = None
) -> dg.ExecuteInProcessResult:
    """Judge all days so, but the last one as is said of that."""

    @dg.asset(
        partitions_def=dg.DailyPartitionsDefinition(DAYS[0]),
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="empty",
    )
    def things() -> None: ...

    check = daily_check(
        things,
        lambda _, day: last if last and day == DAYS[-1] else finding,
        name="are_right",
        description="As it is judged.",
        blocking=blocking,
    )
    definitions = dg.Definitions(
        assets=[things],
        asset_checks=[check],
        jobs=[dg.define_asset_job("all")],
        resources=EMPTY,
    )
    return definitions.resolve_job_def("all").execute_in_process(
        tags=range_tags(DAYS[0], DAYS[-1]), raise_on_error=False
    )


UNPROVEN = Finding("", {}, unproven="there is nothing to compare with")


def test_what_proves_nothing_of_any_day_is_a_warning() -> None:
    result = judged(UNPROVEN, blocking=True)
    assert result.success
    [*days] = evaluations_of(result)["things_are_right"].values()
    assert {(one.passed, one.severity) for one in days} == {(False, dg.AssetCheckSeverity.WARN)}
    assert days[0].description == "there is nothing to compare with"


def test_what_proves_something_of_a_day_passes_and_says_of_which_days_it_does_not() -> None:
    days = evaluations_of(judged(UNPROVEN, last=Finding("", {})))["things_are_right"]
    assert [(one.passed, one.description) for one in days.values()] == [
        (True, "there is nothing to compare with"),
        (True, "there is nothing to compare with"),
        (True, ""),
    ]


@pytest.mark.parametrize(
    ("finding", "blocking"),
    [(Finding("odd", {}, only_a_warning=True), True), (Finding("bad", {}), False)],
    ids=["a warning", "a check that does not block"],
)
def test_what_does_not_block_fails_no_run(finding: Finding, blocking: bool) -> None:
    assert judged(finding, blocking=blocking).success


def test_a_check_that_blocks_fails_the_run_and_its_error_names_the_days() -> None:
    result = judged(Finding("bad", {}), blocking=True)
    assert not result.success
    assert len(evaluations_of(result)["things_are_right"]) == len(DAYS)
    error = result.failure_data_for_node("things_are_right")
    assert error
    assert error.user_failure_data
    assert error.user_failure_data.description == (
        "things: are_right failed for 3 of 3 days; downstream assets are blocked\n"
        "  2022-08-09: bad\n"
        "  2022-08-10: bad\n"
        "  2022-08-11: bad"
    )
