"""What to run after days have failed."""

import json

import dagster as dg
import pytest

from sales_assets.feed.remedy import (
    FailedDaysError,
    boxes,
    command,
    config_json,
    one_line,
    say_what_to_run,
    steps,
    text_of,
)
from sales_assets.feed.stream import EveryDayFailsError, TornDayError

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")
LAUNCH = "dagster asset materialize -m sales_assets.definitions --select"


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (["2022-08-09"], "2022-08-09"),
        (["2022-08-10", "2022-08-09"], "[2022-08-09...2022-08-10]"),
        (["2022-08-09", "2022-08-31", "2022-09-01"], "2022-08-09, [2022-08-31...2022-09-01]"),
    ],
)
def test_days_are_shown_as_the_ui_takes_them(days: list[str], shown: str) -> None:
    assert boxes(days) == shown


def test_a_day_alone_is_a_partition() -> None:
    by_itself = command(["raw_sales"], DAYS[0], DAYS[0])
    assert by_itself == f"{LAUNCH} raw_sales --partition {DAYS[0]}"


def test_each_span_of_neighbors_has_a_command_of_its_own() -> None:
    missing = ["2022-08-20", "2022-08-22", "2022-08-23"]
    assert [*steps(["raw_sales"], missing, [], [])] == [
        "to run the failed days again (in the UI: raw_sales, Materialize, 2022-08-20, "
        "[2022-08-22...2022-08-23]):",
        f"  {LAUNCH} raw_sales --partition 2022-08-20",
        f"  {LAUNCH} raw_sales --partition-range 2022-08-22...2022-08-23",
    ]


def test_no_command_runs_a_day_again_that_is_stored() -> None:
    missing = [f"2022-08-{day:02}" for day in range(1, 30, 2)]
    [_, *commands, rest] = steps(["raw_sales"], missing, [], [])
    assert commands == [f"  {LAUNCH} raw_sales --partition {day}" for day in missing[:10]]
    assert rest == "  ... and 5 more, as listed for the UI"


def test_what_fails_every_day_is_said_once() -> None:
    failed = {day: EveryDayFailsError(f"{day}: no token") for day in DAYS}
    text = str(FailedDaysError("raw_things", failed, [], [], ["raw_things"], []))
    assert text.count("no token") == 1


def test_the_error_of_a_day_ends_with_its_command() -> None:
    error = dg.Failure("no answer")
    say_what_to_run(error, "dagster ...")
    assert str(error) == error.description == "no answer\nto run this day again:\n  dagster ..."


def test_what_is_downstream_runs_for_the_days_that_were_stored_too() -> None:
    assert [*steps(["raw_sales"], [DAYS[1]], [DAYS[0], DAYS[2]], ["stg_sales"])] == [
        "for the stored days, the sensor stg_follows_raw materializes stg_sales while a daemon "
        "runs; without one, run:",
        f"  {LAUNCH} stg_sales --partition {DAYS[0]}",
        f"  {LAUNCH} stg_sales --partition {DAYS[2]}",
        "to run the failed days again (in the UI: raw_sales and stg_sales, Materialize, "
        f"{DAYS[1]}):",
        f"  {LAUNCH} raw_sales,stg_sales --partition {DAYS[1]}",
    ]


def test_the_error_of_a_range_says_what_failed_and_what_to_run() -> None:
    error = FailedDaysError(
        "raw_things",
        {day: dg.Failure(f"{day}: no\nanswer") for day in (DAYS[2], DAYS[1])},
        left=[],
        stored=[DAYS[0]],
        to_run=["raw_things"],
        downstream=["reader"],
    )
    assert str(error).splitlines() == [
        "raw_things: 2 of 3 days failed; existing data was kept",
        *(line for day in DAYS[1:] for line in (f"  {day}: no", "  answer")),
        "1 day was stored and recorded; reader and the checks of raw_things did not run for it",
        *steps(["raw_things"], [*DAYS[1:]], [DAYS[0]], ["reader"]),
    ]


def test_a_day_that_is_neither_old_nor_new_is_named_as_such() -> None:
    failed = {DAYS[0]: dg.Failure("x"), DAYS[2]: TornDayError("y")}
    text = str(FailedDaysError("raw_things", failed, [], [], ["raw_things"], []))
    assert text.startswith(
        f"raw_things: 2 of 2 days failed; existing data was kept, except for {DAYS[2]}\n"
    )


def test_of_a_range_in_which_many_days_fail_ten_are_named() -> None:
    failed = {f"2022-09-{day:02}": dg.Failure(f"{day}: broken") for day in range(1, 31)}
    text = str(FailedDaysError("raw_things", failed, [], [], ["raw_things"], []))
    assert len(text.splitlines()) == 14
    assert "... and 20 more errors; see each partition" in text


def test_the_configuration_of_a_run_is_json() -> None:
    config = config_json("stg_sales", max_rejected_rows=2)
    assert json.loads(config) == {"ops": {"stg_sales": {"config": {"max_rejected_rows": 2}}}}


def test_an_error_of_ours_says_what_it_says_and_another_one_its_kind_and_no_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    assert text_of(dg.Failure("no\nanswer")) == "no\nanswer"
    assert one_line(dg.Failure("no\n  answer")) == "no answer"
    assert text_of(ValueError("sent made-up-word")) == "ValueError('sent ***')"
