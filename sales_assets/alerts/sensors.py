"""Reports failed runs to a webhook.

These are runs of this code location that Dagster itself launched (UI, schedule, backfill) and that
failed for any reason: a missing day, a blocking check, a killed process. A canceled run has not
failed, nor has one in which only non-blocking checks failed. Anyone who starts a run on the command
line or through the HTTP jobs sees its error there.
"""

import datetime

import dagster as dg

from sales_assets.alerts.webhook import Webhook, escaped
from sales_assets.http.secrets import redacted

_LONGEST_HEAD, _LONGEST_REASON = 480, 1500
"""Characters; some services refuse or cut messages of more than 2000."""


def failed_run_alerts(webhook: Webhook) -> dg.SensorDefinition:
    """Make the sensor that posts each failed run; it runs by default.

    A tick posts one alert, and the cursor moves on with it: none is lost while the webhook is down,
    and none is posted again because a later one failed. An alert is only posted twice if its
    response was lost, or if the process died between post and cursor. If Dagster is going to retry
    the run, the alert says so; it is not held back, since the retry may not happen.
    """

    @dg.run_failure_sensor(
        name="failed_run_alerts",
        description="Posts each failed run to the webhook in SALES_ALERT_URL.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        run_id = context.dagster_run.run_id
        # Redact first: a cut could leave part of a secret.
        head = escaped(redacted(_head(context)), _LONGEST_HEAD)
        # A backtick would end the block.
        reason = escaped(redacted(_reason(context)).replace("`", "'"), _LONGEST_REASON)
        webhook.post(f"{head}\n```\n{reason}\n```", about=f"run {run_id} failed")
        # Returning something ends the tick here, with the cursor at this run.
        return dg.SkipReason(f"posted an alert: run {run_id} failed")

    return sensor


def _head(context: dg.RunFailureSensorContext) -> str:
    """Say which run failed, for which days, and when."""
    run = context.dagster_run
    names = run.asset_selection or run.asset_check_selection or ()
    head = "Failed: " + (", ".join(sorted(name.to_user_string() for name in names)) or run.job_name)
    first, last = (run.tags.get(f"dagster/asset_partition_range_{end}") for end in ("start", "end"))
    if days := context.partition_key or (first and f"{first}...{last}"):
        head += f", {days}"
    head += f"\nRun {run.run_id}"
    record = context.instance.get_run_record_by_id(run.run_id)
    if record and record.end_time:
        ended = datetime.datetime.fromtimestamp(record.end_time, datetime.timezone.utc)
        head += f", {ended:%Y-%m-%d %H:%M:%S} UTC"
    if run.tags.get("dagster/will_retry") == "true":
        head += "; Dagster will retry it"
    return head


def _reason(context: dg.RunFailureSensorContext) -> str:
    """Return the innermost error below Dagster's own wrappers, if there is an error."""
    data = context.failure_event.job_failure_data
    # A run whose process was killed has a message, but no error.
    error = data.error if data else None
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return f"{context.failure_event.message or ''}\n{error.message if error else ''}".strip()
