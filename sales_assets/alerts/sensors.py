"""Tells people of failed runs: each becomes a message to a webhook.

Told of are runs of this code location that Dagster itself has launched (UI, schedule, backfill) and
that failed, for whatever reason: a day that did not come, a blocking check, a process that was
killed. A run that was canceled has not failed, nor has one in which only checks that do not block
did. Whoever starts a run on the command line or by the HTTP jobs has the error before their eyes.

What is wrong with a day is said by the errors themselves; here they are only passed on.
"""

import datetime

import dagster as dg

from sales_assets.alerts.webhook import Webhook, escaped
from sales_assets.http.secrets import redacted

_LONGEST_HEAD, _LONGEST_REASON = 480, 1500
"""Characters; some services refuse or cut messages of more than 2000."""
_LONGEST_LINE = 240
_FIRST_LINES, _LAST_LINES = 5, 3


class AlertError(dg.DagsterError):
    """An alert did not reach the webhook.

    The cursor of a run status sensor moves on past a run whose evaluation fails, and its alert
    would be lost. Only an error of Dagster's own kind keeps it where it is: the tick fails, the UI
    shows why, and the next tick (30 s later) evaluates the same run again.
    """


def failed_run_alerts(webhook: Webhook) -> dg.SensorDefinition:
    """Make the sensor that posts each failed run; it runs by default.

    A tick posts one alert, and the cursor moves on with it: none is lost while the webhook
    fails, none is posted again because a later one failed. Only when an answer got lost, or a
    process died between post and cursor, is an alert posted twice. When Dagster will start a run
    that crashed again by itself, the alert says so; it is not held back, since Dagster may come to
    think better of it.

    Args:
        webhook: Where to post.
    """

    @dg.run_failure_sensor(
        name="failed_run_alerts",
        description="Post each failed run to the webhook in SALES_ALERT_URL.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        run_id = context.dagster_run.run_id
        head, reason = _head(context), _reason(context)
        # Secrets are struck out before anything is cut, which could leave a part of one.
        head, reason = redacted(head), redacted(reason)
        # In a block of its own, which a backtick would end.
        reason = escaped(_excerpt(reason.replace("`", "'")), _LONGEST_REASON)
        if problem := webhook.post(f"{escaped(head, _LONGEST_HEAD)}\n```\n{reason}\n```"):
            raise AlertError(
                f"run {run_id} failed, and the alert could not be posted to SALES_ALERT_URL: "
                f"{problem}; it is tried again at each tick, and later alerts wait"
            )
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
