"""Tells people of a day that is not stored when it is due, and again when it has come.

Dagster's freshness looks at an asset as a whole; this looks at the day.
"""

import datetime
import json
from collections.abc import Callable, Sequence

import dagster as dg

from sales_assets.alerts.sensors import AlertError
from sales_assets.alerts.webhook import Webhook

_SECONDS = 300
"""Between two looks."""


def late_day_alerts(
    webhook: Webhook,
    asset_key: dg.AssetKey,
    days: dg.DailyPartitionsDefinition,
    due: Callable[[datetime.date], datetime.datetime],
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.timezone.utc),
) -> dg.SensorDefinition:
    """Make the sensor that posts a day once when it is late, and once more when it has come.

    Off until it is switched on, as the schedule is. A tick posts one alert, and the cursor, which
    holds the late days that were told, moves on with it: none is lost while the webhook fails.

    Args:
        webhook: Where to post.
        asset_key: The asset that has to have the day.
        days: Its partitions.
        due: Says by when a day has to be there.
        now: Tells the time.
    """
    asset = asset_key.to_user_string()

    def post(text: str, late: Sequence[str]) -> dg.SensorResult:
        if problem := webhook.post(text):
            raise AlertError(
                f"an alert could not be posted to SALES_ALERT_URL: {problem}; it is tried again at "
                f"each tick: {text}"
            )
        return dg.SensorResult(skip_reason=f"posted an alert: {text}", cursor=json.dumps(late))

    @dg.sensor(
        name="late_day_alerts",
        description="Post a day that is not stored when it is due to SALES_ALERT_URL.",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        told: list[str] = json.loads(context.cursor or "[]")
        stored = context.instance.get_materialized_partitions(asset_key)
        for day in told:
            if day in stored:
                left = [one for one in told if one != day]
                return post(f"Here: {asset} has {day} now", left)
        latest = _latest_due(now(), due)
        day = latest.isoformat()
        if latest >= days.start.date() and day not in stored and day not in told:
            text = f"Late: {asset} has no {day}, which was due at {due(latest):%Y-%m-%d %H:%M} UTC"
            return post(text, [*told, day])
        return dg.SkipReason(f"late, and told: {', '.join(told)}" if told else "no day is late")

    return sensor


def _latest_due(
    now: datetime.datetime, due: Callable[[datetime.date], datetime.datetime]
) -> datetime.date:
    day = now.date()
    while due(day) > now:
        day -= datetime.timedelta(days=1)
    return day
