"""What to run after days have failed."""

import dagster as dg

from sales_assets.feed.remedy import (
    FailedDaysError,
)

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")
LAUNCH = "dagster asset materialize -m sales_assets.definitions --select"


def lines_of(failed: dict[str, Exception], left: list[str] | None = None) -> list[str]:
    """Give the error of a range in which these days failed, and none was stored."""
    error = FailedDaysError("raw_sales", failed, left or [], [], ["raw_sales"], [])
    return str(error).splitlines()


def test_each_span_of_neighbors_has_a_command_of_its_own() -> None:
    assert lines_of({"2022-08-20": dg.Failure("x")}, ["2022-08-22", "2022-08-23"])[2:] == [
        "2 more days were not attempted",
        "to run the failed days again (in the UI: raw_sales, Materialize, 2022-08-20, "
        "[2022-08-22...2022-08-23]):",
        f"  {LAUNCH} raw_sales --partition 2022-08-20",
        f"  {LAUNCH} raw_sales --partition-range 2022-08-22...2022-08-23",
    ]


def test_of_many_failed_days_ten_are_named_and_no_command_runs_a_stored_one_again() -> None:
    failed: dict[str, Exception] = {
        f"2022-08-{day:02}": dg.Failure(f"{day}: broken") for day in range(1, 30, 2)
    }
    lines = lines_of(failed)
    assert lines[11] == "  ... and 5 more errors; see each partition"
    assert lines[13:] == [
        *(f"  {LAUNCH} raw_sales --partition {day}" for day in [*failed][:10]),
        "  ... and 5 more, as listed for the UI",
    ]


def test_the_error_of_a_range_says_what_failed_and_what_to_run() -> None:
    error = FailedDaysError(
        "raw_sales",
        {DAYS[1]: dg.Failure(f"{DAYS[1]}: no\nanswer")},
        left=[],
        stored=[DAYS[0], DAYS[2]],
        to_run=["raw_sales"],
        downstream=["stg_sales"],
    )
    assert str(error).splitlines() == [
        "raw_sales: 1 of 3 days failed; existing data was kept",
        f"  {DAYS[1]}: no",
        "  answer",
        "2 days were stored and recorded; stg_sales and the checks of raw_sales did not run",
        "for the stored days, the sensor stg_follows_raw materializes stg_sales while a daemon "
        "runs; without one, run:",
        f"  {LAUNCH} stg_sales --partition {DAYS[0]}",
        f"  {LAUNCH} stg_sales --partition {DAYS[2]}",
        "to run the failed days again (in the UI: raw_sales and stg_sales, Materialize, "
        f"{DAYS[1]}):",
        f"  {LAUNCH} raw_sales,stg_sales --partition {DAYS[1]}",
    ]
