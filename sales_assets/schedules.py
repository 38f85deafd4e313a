"""The jobs of the feeds and of the rides, their schedules (hours in UTC), and when a day is due."""

import datetime

import dagster as dg

from sales_assets.feed.declaration import Feed
from sales_assets.rides.assets import driver_statistics, rides

_HOURS_FOR_A_DAY = 3
_DAY = datetime.timedelta(days=1)


def daily_schedule(feed: Feed, hour: int, lookback: int) -> dg.ScheduleDefinition:
    """Materialize yesterday each day, and `lookback` days before it again, as rows may be late."""
    job = dg.define_asset_job(
        feed.name,
        selection=[feed.raw, feed.stg],
        description=f"Pulls the {feed.name} of a day and converts them to Avro.",
        # With run_retries on, the daemon retries a run whose process died, but not one that failed,
        # which would fail again. A retry policy of the asset would treat Ctrl-C and SIGTERM as a
        # failure and carry on.
        tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
    )

    @dg.schedule(
        job=job,
        name=f"daily_{feed.name}",
        cron_schedule=f"0 {hour} * * *",
        execution_timezone="UTC",
        description=f"Materializes yesterday (UTC), and the {lookback} days before it again.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        # A late tick is still the tick of its day.
        today = context.scheduled_execution_time.astimezone(datetime.timezone.utc).date()
        yesterday = today - _DAY
        start = feed.days.start.date()
        if yesterday < start:
            return dg.SkipReason(f"the first day is {start}")
        return dg.RunRequest(
            run_key=str(yesterday),
            tags={
                "dagster/asset_partition_range_start": str(max(start, yesterday - lookback * _DAY)),
                "dagster/asset_partition_range_end": str(yesterday),
            },
        )

    return daily


def due(day: datetime.date, hour: int) -> datetime.datetime:
    """Return when a day is due: three hours after the schedule of the next day."""
    midnight = datetime.datetime.combine(day, datetime.time(), datetime.timezone.utc)
    return midnight + _DAY + datetime.timedelta(hours=hour + _HOURS_FOR_A_DAY)


def daily_freshness(hour: int) -> dg.FreshnessPolicy:
    """Expect a day each day: at the latest three hours after the schedule, which may be off.

    Dagster looks at the latest materialization since midnight, of whatever partition.
    """
    deadline = hour + _HOURS_FOR_A_DAY
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {deadline % 24} * * *",
        # Dagster accepts at most the interval of the cron.
        lower_bound_delta=datetime.timedelta(hours=min(deadline, 24)),
        timezone="UTC",
    )


# Not "rides": Dagster refuses a job and an asset of the same name.
rides_job = dg.define_asset_job(
    "pull_rides",
    selection=[rides, driver_statistics],
    description="Pulls rides for a while and updates the driver statistics.",
)
rides_schedule = dg.ScheduleDefinition(
    name="rides_each_minute",
    job=rides_job,
    cron_schedule="* * * * *",
    description="Pulls rides and updates the driver statistics; off until you turn it on.",
)
