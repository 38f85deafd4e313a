"""The jobs over the sales and the rides assets, and when they run by themselves."""

import dagster as dg

from sales_assets.rides import driver_statistics, rides
from sales_assets.sales import raw_sales, stg_sales

sales_job = dg.define_asset_job(
    "sales",
    selection=[raw_sales, stg_sales],
    description="Pull the sales of a day and turn them into Avro.",
    # A run that crashed (its process died) is started again by the daemon of an instance that has
    # run_retries on; one that failed has said why, and would fail again. The retry policy of an
    # asset is no choice: it takes Ctrl-C and SIGTERM for a failure and carries on.
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
