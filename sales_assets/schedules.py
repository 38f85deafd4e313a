"""The jobs over the sales and the rides assets, and when they run by themselves.

Also by when the sales of a day have to be there, which follows from that.
"""

import datetime

import dagster as dg

from sales_assets.rides.assets import driver_statistics, rides
from sales_assets.sales.assets import raw_sales, stg_sales

_HOURS_FOR_A_DAY = 3

sales_job = dg.define_asset_job(
    "sales",
    selection=[raw_sales, stg_sales],
    description="Pull the sales of a day and turn them into Avro.",
    # A run that crashed (its process died) is started again by the daemon of an instance that has
    # run_retries on; one that failed has said why, and would fail again. The retry policy of an
    # asset would not do: it takes Ctrl-C and SIGTERM for a failure and carries on.
    tags={"dagster/max_retries": "2", "dagster/retry_on_asset_or_op_failure": "false"},
)


def daily_sales_schedule(hour: int) -> dg.ScheduleDefinition:
    """Materialize yesterday each day; off until it is switched on.

    Args:
        hour: When, in UTC (0 to 23).
    """
    return dg.build_schedule_from_partitioned_job(  # type: ignore[return-value]
        sales_job,
        name="daily_sales",
        hour_of_day=hour,
        minute_of_hour=0,
        description="Materialize the sales of yesterday (UTC).",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )


def daily_sales_freshness(hour: int) -> dg.FreshnessPolicy:
    """Expect a day each day: at the latest three hours after the schedule, which may be off.

    What was materialized since midnight counts, as yesterday is over from then on. Dagster looks
    at the latest materialization of an asset and not at its partition, so that one of an older day
    counts, too.

    Args:
        hour: When the schedule runs, in UTC (0 to 23).
    """
    deadline = hour + _HOURS_FOR_A_DAY
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"0 {deadline % 24} * * *",
        # Dagster takes no more than the interval of the cron.
        lower_bound_delta=datetime.timedelta(hours=min(deadline, 24)),
        timezone="UTC",
    )


rides_job = dg.define_asset_job(
    # Not "rides": Dagster takes a job and an asset of one name for two definitions of it.
    "pull_rides",
    selection=[rides, driver_statistics],
    description="Pull rides for a while and sum up what each driver has driven.",
)

rides_schedule = dg.ScheduleDefinition(
    name="rides_each_minute",
    job=rides_job,
    cron_schedule="* * * * *",
    description="Pull rides and update the driver statistics; off until it is switched on.",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
