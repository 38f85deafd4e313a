"""Reports each day that is not stored by the time it is due, and again once it is stored.

Dagster's freshness checks look at an asset as a whole; this looks at each day.
"""

import datetime
from collections.abc import Callable, Collection, Iterable

import dagster as dg
from pydantic import BaseModel, ValidationError

from sales_assets.alerts.webhook import Webhook

_SECONDS = 300
"""The time between two ticks."""
_DAYS = 7
"""How many due days a tick looks at, besides those that no tick has looked at yet."""
_MOST_LINES = 12
"""Of each kind in an alert; some services refuse or cut messages of over 2000 characters."""
_DAY = datetime.timedelta(days=1)


class _Cursor(BaseModel):
    """All days up to `settled` were on time or reported; those in `reported` are still missing."""

    settled: datetime.date | None = None
    reported: set[str] = set()


def late_day_alerts(
    webhook: Webhook,
    asset_key: dg.AssetKey,
    stored_days: Callable[[dg.DagsterInstance, dg.AssetKey, Collection[str]], Iterable[str]],
    first_day: datetime.date,
    due: Callable[[datetime.date], datetime.datetime],
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.timezone.utc),
    name: str = "late_day_alerts",
) -> dg.SensorDefinition:
    """Make the sensor that posts a day once when it is late, and once more when it is stored.

    The asset must have each day since `first_day` by the time that `due` returns for it;
    `stored_days` returns which of some days an instance has recorded as stored.

    Like the schedule, it is off until you turn it on. A tick posts one alert, and the cursor moves
    only once that has been posted: however long the webhook or the daemon is down, a late day is
    reported unless it has been stored meanwhile.
    """
    asset = asset_key.to_user_string()

    def latest_due(moment: datetime.datetime) -> datetime.date:
        day = moment.date()
        while due(day) > moment:
            day -= _DAY
        return day

    @dg.sensor(
        name=name,
        description="Posts to SALES_ALERT_URL when a day is late, and again once it is stored.",
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        moment, note = now(), ""
        try:
            cursor = _Cursor.model_validate_json(context.cursor or "{}")
        except ValidationError:
            cursor, note = _Cursor(), "the cursor could not be read and was reset; "
        latest = latest_due(moment)
        # Without a cursor, no tick has succeeded since the sensor was turned on.
        turned_on = context.last_sensor_start_time or moment.timestamp()
        settled = cursor.settled or latest_due(
            datetime.datetime.fromtimestamp(turned_on, datetime.timezone.utc)
        )
        first = max(min(settled, latest) - _DAY * (_DAYS - 1), first_day)
        days = [first + _DAY * n for n in range((latest - first).days + 1)]
        stored = {*stored_days(context.instance, asset_key, cursor.reported.union(map(str, days)))}
        late = [day for day in days if str(day) not in stored | cursor.reported][:_MOST_LINES]
        here = sorted(cursor.reported & stored)[:_MOST_LINES]
        lines = [
            *(f"Late: {asset} has no {day}, which was due at {due(day):%F %R} UTC" for day in late),
            *(f"Stored: {asset} now has {day}" for day in here),
        ]
        reported = cursor.reported.union(map(str, late)).difference(here)
        if text := "\n".join(lines):
            webhook.post(text, about="a day is late, or was stored late")
            note += f"posted an alert: {text}"
        elif reported:
            note += f"late, already reported: {', '.join(sorted(reported))}"
        else:
            note += "no day is late"
        after = _Cursor(settled=late[-1] if late else latest, reported=reported)
        return dg.SensorResult(skip_reason=note, cursor=after.model_dump_json())

    return sensor
