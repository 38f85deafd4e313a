"""Schedules: when they run, what they run, and when a day is due."""

import datetime

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy

from sales_assets.definitions import defs
from sales_assets.sales import FEED
from sales_assets.schedules import daily_freshness, daily_schedule, due
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.pipeline import range_tags

REPOSITORY = defs.get_repository_def()


def tick(today: str, lookback: int) -> dg.RunRequest | str | None:
    """Evaluate the tick of a day; give what it requests, or why it does not."""
    at = datetime.datetime.fromisoformat(f"{today}T01:00:00+00:00")
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance, scheduled_execution_time=at, repository_def=REPOSITORY
        )
        result = daily_schedule(FEED, 1, lookback).evaluate_tick(context)
    return result.run_requests[0] if result.run_requests else result.skip_message


@pytest.mark.parametrize(
    ("name", "cron", "assets"),
    [
        ("daily_sales", "0 1 * * *", {"raw_sales", "stg_sales"}),
        ("rides_each_minute", "* * * * *", {"rides", "driver_statistics"}),
    ],
)
def test_a_schedule_is_off_and_runs_both_assets(name: str, cron: str, assets: set[str]) -> None:
    schedule = REPOSITORY.get_schedule_def(name)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert (schedule.cron_schedule, schedule.execution_timezone or "UTC") == (cron, "UTC")
    keys = REPOSITORY.get_job(schedule.job_name).asset_layer.executable_asset_keys
    assert {key.to_user_string() for key in keys} == assets


@pytest.mark.parametrize(
    ("today", "lookback", "first", "last"),
    [
        ("2026-11-21", 3, "2026-11-17", "2026-11-20"),
        ("2026-11-21", 0, "2026-11-20", "2026-11-20"),
        ("2022-08-11", 3, "2022-08-09", "2022-08-10"),
        ("2024-03-01", 1, "2024-02-28", "2024-02-29"),
    ],
)
def test_a_tick_is_one_run_of_yesterday_and_the_days_before_it(
    today: str, lookback: int, first: str, last: str
) -> None:
    request = tick(today, lookback)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.partition_key) == (last, None)
    assert request.tags.items() >= range_tags(first, last).items()


def test_there_is_nothing_to_materialize_before_the_first_day() -> None:
    assert tick("2022-08-09", 3) == "the first day is 2022-08-09"


@pytest.mark.parametrize(
    ("hour", "deadline", "hours_before"),
    [(0, "0 3 * * *", 3), (1, "0 4 * * *", 4), (21, "0 0 * * *", 24), (23, "0 2 * * *", 24)],
)
def test_a_day_is_due_three_hours_after_the_schedule(
    hour: int, deadline: str, hours_before: int
) -> None:
    day = datetime.datetime(2026, 11, 20, tzinfo=datetime.timezone.utc)
    assert due(day.date(), hour) == day + datetime.timedelta(days=1, hours=hour + 3)
    policy = daily_freshness(hour)
    assert isinstance(policy, CronFreshnessPolicy)
    assert (policy.deadline_cron, policy.timezone) == (deadline, "UTC")
    assert policy.lower_bound_delta == datetime.timedelta(hours=hours_before)


def test_the_deadline_of_both_sales_assets_follows_the_schedule(python: Command) -> None:
    code = (
        "from sales_assets.definitions import defs\n"
        "for spec in defs.resolve_all_asset_specs():\n"
        "    if policy := spec.freshness_policy:\n"
        "        print(spec.key.to_user_string(), policy.deadline_cron)\n"
    )
    lines = python("-c", code, SALES_SCHEDULE_HOUR="5").stdout.splitlines()
    assert sorted(lines) == ["raw_sales 0 8 * * *", "stg_sales 0 8 * * *"]
