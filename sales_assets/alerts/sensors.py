"""Reports failed runs: each becomes a message to a webhook.

These are runs of this code location that Dagster itself launched (UI, schedule, backfill) and that
failed for any reason: a day that is missing, a blocking check, a killed process. A canceled run has
not failed, nor has one in which only non-blocking checks failed. Anyone who starts a run on the
command line or by the HTTP jobs sees its error there.

The errors themselves say what is wrong with a day; here they are only passed on.
"""

import datetime

import dagster as dg

from sales_assets.alerts.webhook import Webhook, escaped
from sales_assets.http.secrets import redacted

_LONGEST_HEAD, _LONGEST_REASON = 480, 1500
"""Characters; some services refuse or cut messages of more than 2000."""
_LONGEST_LINE = 240
_FIRST_LINES, _LAST_LINES = 5, 3


def failed_run_alerts(webhook: Webhook) -> dg.SensorDefinition:
    """Make the sensor that posts each failed run; it runs by default.

    A tick posts one alert, and the cursor moves on with it: none is lost while the webhook is down,
    and none is posted again because a later one failed. An alert is only posted twice when its
    response was lost or the process died between post and cursor. If Dagster is going to retry the
    run, the alert says so; it is not held back, since that may not happen.
    """

    @dg.run_failure_sensor(
        name="failed_run_alerts",
        description="Post each failed run to the webhook in SALES_ALERT_URL.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        run_id = context.dagster_run.run_id
        head, reason = _head(context), _reason(context)
        # Before anything is cut, which could leave part of a secret.
        head, reason = redacted(head), redacted(reason)
        # In a block of its own, which a backtick would end.
        reason = escaped(_excerpt(reason.replace("`", "'")), _LONGEST_REASON)
        text = f"{escaped(head, _LONGEST_HEAD)}\n```\n{reason}\n```"
        webhook.post(text, about=f"run {run_id} failed")
        # Returning something ends the tick here, with the cursor at this run.
        return dg.SkipReason(f"posted an alert: run {run_id} failed")

    return sensor


def _head(context: dg.RunFailureSensorContext) -> str:
    """Say which run failed, of which days, and when."""
    run = context.dagster_run
    names = run.asset_selection or run.asset_check_selection or ()
    what = ", ".join(sorted(name.to_user_string() for name in names)) or run.job_name
    first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    days = context.partition_key or (f"{first}...{last}" if first else "")
    record = context.instance.get_run_record_by_id(run.run_id)
    head = f"Failed: {what}{f', {days}' if days else ''}\nRun {run.run_id}"
    if record and record.end_time:
        ended = datetime.datetime.fromtimestamp(record.end_time, datetime.timezone.utc)
        head += f", {ended:%Y-%m-%d %H:%M:%S} UTC"
    if run.tags.get("dagster/will_retry") == "true":
        head += "; Dagster will start it again by itself"
    return head


def _reason(context: dg.RunFailureSensorContext) -> str:
    """Give the first error that is not Dagster's own wrapping of another, if there is an error."""
    failure = context.failure_event
    data = failure.job_failure_data
    # A run whose process was killed has no error, but only a message.
    error = data.error if data else None
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return f"{failure.message or ''}\n{error.message if error else ''}".strip()


def _excerpt(text: str) -> str:
    """Keep the first lines, and the last ones, where the error of a range says what to run."""
    lines = [
        line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."
        for line in text.splitlines()
    ]
    if len(lines) > _FIRST_LINES + _LAST_LINES + 1:
        left = len(lines) - _FIRST_LINES - _LAST_LINES
        lines[_FIRST_LINES:-_LAST_LINES] = [f"... ({left} more lines)"]
    return "\n".join(lines)
