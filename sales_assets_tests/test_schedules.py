"""Schedules: when they run, what they run, and when a day is due."""

import datetime

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy

from sales_assets.definitions import defs
from sales_assets.schedules import daily_sales_freshness
from sales_assets_tests.helpers.commands import Command


def test_the_schedule_is_off_and_materializes_yesterday() -> None:
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("daily_sales")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.cron_schedule == "0 1 * * *"
    now = datetime.datetime(2026, 11, 21, 1, 0, tzinfo=datetime.timezone.utc)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(
            instance, scheduled_execution_time=now, repository_def=repository
        )
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-11-20"


@pytest.mark.parametrize(
    ("hour", "deadline", "hours_before"),
    [(0, "0 3 * * *", 3), (1, "0 4 * * *", 4), (21, "0 0 * * *", 24), (23, "0 2 * * *", 24)],
)
def test_a_day_is_due_three_hours_after_the_schedule(
    hour: int, deadline: str, hours_before: int
) -> None:
    policy = daily_sales_freshness(hour)
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
        "('rides', None)",
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
