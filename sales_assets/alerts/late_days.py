"""Reports each day that is not stored by the time it is due, and reports it again once it is.

Dagster's freshness looks at an asset as a whole; this looks at each day.
"""

import datetime
from collections.abc import Callable

import dagster as dg
from pydantic import BaseModel, ValidationError

from sales_assets.alerts.webhook import Webhook

_SECONDS = 300
"""Between two ticks."""
_FEWEST_DAYS = 7
"""The daemon may have been down for a few days."""
_MOST_LINES = 12
"""Of each kind in an alert; some services refuse or cut messages of over 2000 characters."""
_DAY = datetime.timedelta(days=1)


class _Cursor(BaseModel):
    """All days up to `settled` were on time or reported; those `reported` are not stored yet."""

    settled: datetime.date | None = None
    reported: set[str] = set()


def late_day_alerts(
    webhook: Webhook,
    asset_key: dg.AssetKey,
    days: dg.DailyPartitionsDefinition,
    due: Callable[[datetime.date], datetime.datetime],
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.timezone.utc),
    lookback: int = _FEWEST_DAYS,
    name: str = "late_day_alerts",
) -> dg.SensorDefinition:
    """Make the sensor that posts a day once when it is late, and once more when it is stored.

    Like the schedule, it is off until you turn it on. A tick posts one alert, and the cursor moves
    only once that has been posted: however long the webhook or the daemon is down, a late day stays
    owed until it has been reported or stored.

    Args:
        webhook: Where to post.
        asset_key: The asset that has to have the day.
        days: Its partitions.
        due: Says by when a day has to be stored.
        now: Tells the time.
        lookback: How many due days each tick looks at; never fewer than seven.
        name: Name of the sensor.
    """
    asset = asset_key.to_user_string()
    window = _DAY * (max(lookback, _FEWEST_DAYS) - 1)

    def latest_due(moment: datetime.datetime) -> datetime.date:
        day = moment.date()
        while due(day) > moment:
            day -= _DAY
        return day

    @dg.sensor(
        name=name,
        description="Post each day that is not stored when it is due to SALES_ALERT_URL.",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        cursor, note = _read(context.cursor)
        latest = latest_due(now())
        # Without a cursor, no tick has succeeded since the sensor was turned on.
        settled = cursor.settled or latest_due(_turned_on(context) or now())
        first = max(min(settled, latest) - window, days.start.date())
        looked_at = [first + _DAY * n for n in range((latest - first).days + 1)]
        stored = context.instance.get_materialized_partitions(asset_key)
        late = [day for day in looked_at if str(day) not in stored | cursor.reported][:_MOST_LINES]
        here = sorted(cursor.reported & stored)[:_MOST_LINES]
        reported = (cursor.reported | {*map(str, late)}) - {*here}
        lines = [
            f"Late: {asset} has no {day}, which was due at {due(day):%F %R} UTC" for day in late
        ]
        lines += [f"Here: {asset} has {day} now" for day in here]
        said = (
            f"late, and reported: {', '.join(sorted(reported))}" if reported else "no day is late"
        )
        if lines:
            text = "\n".join(lines)
            webhook.post(text, about="a day is late, or has come late")
            said = f"posted an alert: {text}"
        after = _Cursor(settled=late[-1] if late else latest, reported=reported)
        return dg.SensorResult(skip_reason=note + said, cursor=after.model_dump_json())

    return sensor


def _read(cursor: str | None) -> tuple[_Cursor, str]:
    """Read a cursor; one that cannot be read counts as none, with a note that says so."""
    try:
        return _Cursor.model_validate_json(cursor or "{}"), ""
    except ValidationError:
        return _Cursor(), "the cursor could not be read and was reset; "


def _turned_on(context: dg.SensorEvaluationContext) -> datetime.datetime | None:
    seconds = context.last_sensor_start_time
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc) if seconds else None
