"""Schedules: when they run, what they run, and when a day is due."""

import datetime

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy

from sales_assets.definitions import defs
from sales_assets.sales import FEED
from sales_assets.sales.assets import stg_sales
from sales_assets.schedules import daily_freshness, daily_schedule, due
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import page, sale


def tick(schedule: dg.ScheduleDefinition, at: datetime.datetime) -> dg.RunRequest | str | None:
    """Evaluate the tick of a time; give what it requests, or why it does not."""
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance,
            scheduled_execution_time=at,
            repository_def=defs.get_repository_def(),
        )
        result = schedule.evaluate_tick(context)
    return result.run_requests[0] if result.run_requests else result.skip_message


def test_the_schedule_is_off_and_runs_in_the_night() -> None:
    schedule = defs.get_repository_def().get_schedule_def("daily_sales")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 1 * * *", "UTC")


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
    at = datetime.datetime.fromisoformat(f"{today}T01:00:00+00:00")
    request = tick(daily_schedule(FEED, 1, lookback), at)
    assert isinstance(request, dg.RunRequest)
    assert (request.run_key, request.partition_key) == (last, None)
    assert request.tags.items() >= range_tags(first, last).items()


def test_there_is_nothing_to_materialize_before_the_first_day() -> None:
    at = datetime.datetime(2022, 8, 9, 1, tzinfo=datetime.timezone.utc)
    reason = tick(daily_schedule(FEED, 1, 3), at)
    assert reason == "the first day is 2022-08-09"


def test_a_day_is_due_three_hours_after_its_run() -> None:
    day = datetime.date(2026, 11, 20)
    assert due(day, hour=1).isoformat() == "2026-11-21T04:00:00+00:00"
    assert due(day, hour=23).isoformat() == "2026-11-22T02:00:00+00:00"


def test_three_mornings_pull_what_came_in_late_and_say_what_changed(
    pipeline: Pipeline,
) -> None:
    """Each morning's run is that of the schedule; the API gets a row for the day before."""
    schedule = daily_schedule(FEED, 1, 1)
    seen = []
    for today, late in (("2022-08-10", ""), ("2022-08-11", "2022-08-09"), ("2022-08-12", "")):
        if late:
            pipeline.api.days[late] += [page(sale(purchase_date=late, price=99))]
        request = tick(schedule, datetime.datetime.fromisoformat(f"{today}T01:00:00+00:00"))
        assert isinstance(request, dg.RunRequest)
        first, last = (
            request.tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end")
        )
        pipeline.run(first, last)
        recorded = pipeline.recorded(stg_sales)
        seen.append({day: recorded[day]["change"] for day in sorted(recorded) if day >= first})
    assert seen == [
        {"2022-08-09": "first version"},
        {"2022-08-09": "+1 -0 rows", "2022-08-10": "first version"},
        {"2022-08-10": "unchanged", "2022-08-11": "first version"},
    ]


@pytest.mark.parametrize(
    ("hour", "deadline", "hours_before"),
    [(0, "0 3 * * *", 3), (1, "0 4 * * *", 4), (21, "0 0 * * *", 24), (23, "0 2 * * *", 24)],
)
def test_a_day_is_due_three_hours_after_the_schedule(
    hour: int, deadline: str, hours_before: int
) -> None:
    policy = daily_freshness(hour)
    assert isinstance(policy, CronFreshnessPolicy)
    assert (policy.deadline_cron, policy.timezone) == (deadline, "UTC")
    assert policy.lower_bound_delta == datetime.timedelta(hours=hours_before)


def test_the_deadline_of_both_sales_assets_follows_the_schedule(python: Command) -> None:
    code = (
        "from sales_assets.definitions import defs\n"
        "specs = defs.resolve_all_asset_specs()\n"
        "print(*sorted((s.key.path[-1], s.freshness_policy and s.freshness_policy.deadline_cron)"
        " for s in specs), sep='\\n')\n"
    )
    assert python("-c", code, SALES_SCHEDULE_HOUR="5").stdout.splitlines() == [
        "('driver_statistics', None)",
        "('raw_sales', '0 8 * * *')",
        "('ride_answers', None)",
        "('rides', None)",
        "('sales_pages', None)",
        "('stg_sales', '0 8 * * *')",
    ]


def test_the_schedule_of_the_rides_is_off_and_runs_both_assets_each_minute() -> None:
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("rides_each_minute")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "* * * * *"
    job = repository.get_job(schedule.job_name)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "rides",
        "driver_statistics",
    }
