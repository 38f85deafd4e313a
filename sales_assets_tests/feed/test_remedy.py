"""What to run after days have failed."""

import json

import pytest

from sales_assets.feed.remedy import boxes, command, config_json, steps

LAUNCH = "dagster asset materialize -m sales_assets.definitions --select"


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (["2022-08-09"], "2022-08-09"),
        (["2022-08-10", "2022-08-09"], "[2022-08-09...2022-08-10]"),
        (["2022-08-09", "2022-08-31", "2022-09-01"], "2022-08-09, [2022-08-31...2022-09-01]"),
        ([f"2022-08-{day:02}" for day in range(1, 30, 2)], "[2022-08-01...2022-08-29]"),
    ],
)
def test_days_are_shown_as_the_ui_takes_them(days: list[str], shown: str) -> None:
    assert boxes(days) == shown


def test_a_day_alone_is_a_partition() -> None:
    assert command(["raw_sales"], ["2022-08-09"]) == f"{LAUNCH} raw_sales --partition 2022-08-09"


def test_days_with_gaps_are_one_range() -> None:
    span = "--partition-range 2022-08-09...2022-08-15"
    assert command(["raw_sales"], ["2022-08-15", "2022-08-09"]) == f"{LAUNCH} raw_sales {span}"


def test_what_is_downstream_is_run_for_the_days_that_were_stored_too() -> None:
    lines = list(steps(["raw_sales"], ["2022-08-10"], ["2022-08-09", "2022-08-11"], ["stg_sales"]))
    assert lines == [
        "in the UI: raw_sales, Materialize, 2022-08-10, then stg_sales, Materialize, "
        "[2022-08-09...2022-08-11]; in a shell:",
        f"  {LAUNCH} raw_sales --partition 2022-08-10",
        f"  {LAUNCH} stg_sales --partition-range 2022-08-09...2022-08-11",
    ]


def test_when_nothing_was_stored_one_command_runs_all() -> None:
    lines = list(steps(["raw_sales"], ["2022-08-10"], [], ["stg_sales"]))
    assert lines == [
        "in the UI: raw_sales and stg_sales, Materialize, 2022-08-10; in a shell:",
        f"  {LAUNCH} raw_sales,stg_sales --partition 2022-08-10",
    ]


def test_what_has_to_be_there_first_is_run_first() -> None:
    lines = list(steps(["raw_sales", "stg_sales"], ["2022-08-10"], ["2022-08-09"], ["report"]))
    assert lines == [
        "in the UI: raw_sales and stg_sales, Materialize, 2022-08-10, then report, Materialize, "
        "[2022-08-09...2022-08-10]; in a shell:",
        f"  {LAUNCH} raw_sales,stg_sales --partition 2022-08-10",
        f"  {LAUNCH} report --partition-range 2022-08-09...2022-08-10",
    ]


def test_the_configuration_of_a_run_is_json() -> None:
    config = config_json("stg_sales", max_rejected_rows=2)
    assert json.loads(config) == {"ops": {"stg_sales": {"config": {"max_rejected_rows": 2}}}}
