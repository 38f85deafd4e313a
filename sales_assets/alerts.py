"""Tells people of failed runs: each becomes a message to a webhook.

Told of are runs of this code location that Dagster itself has launched (UI, schedule, backfill) and
that failed, for whatever reason: a day that could not be had, a blocking check, a process that was
killed. A run that was canceled has not failed, nor has one in which only checks that do not block
did. Whoever starts a run on the command line or by the HTTP jobs has the error before their eyes.

What is wrong with a day is said by the errors themselves; here they are only passed on.
"""

import datetime
import html
import itertools
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import dagster as dg
import requests
import tenacity

from sales_assets.http_client import is_base_address

ALERT_VARIABLE = "SALES_ALERT_URL"

_SECRETS = ("AUTH_TOKEN", "SALES_HTTP_TOKEN")
_LONGEST_MESSAGE = 2000
"""Characters; some services refuse or cut longer ones."""
_LONGEST_LINE = 240
_FIRST_LINES, _LAST_LINES = 5, 3


class InvalidAlertUrlError(ValueError):
    """The address of the webhook is none; it is a secret, and so not named."""


class AlertError(dg.DagsterError):
    """An alert did not reach the webhook.

    The cursor of a run status sensor moves on past a run whose evaluation fails, and its alert
    would be lost. Only an error of Dagster's own kind keeps it where it is: the tick fails, the UI
    shows why, and the next tick (30 s later) evaluates the same run again.
    """


def failed_run_alerts(url: str) -> dg.SensorDefinition:
    """Make the sensor that posts `{"text": ...}` for each failed run; it runs by default.

    A tick posts one alert, and the cursor moves on with it: none is lost while the webhook is not
    to be had, none is posted again because a later one failed. Only when an answer got lost, or a
    process died between post and cursor, is an alert posted twice. When Dagster will start a run
    that crashed again by itself, the alert says so; it is not held back, since Dagster may come to
    think better of it.

    Args:
        url: A Slack-compatible incoming webhook. It is a secret, and never shown.

    Raises:
        InvalidAlertUrlError: It is no address.
    """
    if not is_base_address(url) or not re.fullmatch(r"[\x21-\x7e]+", url):
        raise InvalidAlertUrlError(
            f"{ALERT_VARIABLE} is not an address of the form https://host/path without white "
            "space, user name or password in it: set it to that, or unset it"
        )

    @dg.run_failure_sensor(
        name="failed_run_alerts",
        description=f"Post each failed run to the webhook in {ALERT_VARIABLE}.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.RunFailureSensorContext) -> dg.SkipReason:
        run_id = context.dagster_run.run_id
        if problem := _post(url, _message(context, url)).problem:
            raise AlertError(
                f"run {run_id} failed, and the alert could not be posted to {ALERT_VARIABLE}: "
                f"{problem}; it is tried again at each tick, and later alerts wait"
            )
        # Returning something ends the tick here, with the cursor at this run.
        return dg.SkipReason(f"posted an alert: run {run_id} failed")

    return sensor


def _message(context: dg.RunFailureSensorContext, url: str) -> str:
    """Say which run failed and why, in the markup of Slack."""
    run = context.dagster_run
    names = run.asset_selection or run.asset_check_selection or ()
    what = ", ".join(sorted(name.to_user_string() for name in names)) or run.job_name
    first = run.tags.get("dagster/asset_partition_range_start")
    days = f"{first}...{run.tags.get('dagster/asset_partition_range_end')}" if first else ""
    days = context.partition_key or days
    record = context.instance.get_run_record_by_id(run.run_id)
    ended = record.end_time if record else None
    head = f"Failed: {what}{f', {days}' if days else ''}\nRun {run.run_id}"
    if ended:
        head += f", {datetime.datetime.fromtimestamp(ended, datetime.timezone.utc):%F %T} UTC"
    if run.tags.get("dagster/will_retry") == "true":
        head += "; Dagster will start it again by itself"
    secrets = [url, *filter(None, map(os.environ.get, _SECRETS))]
    reason = "\n".join([_reason(context.failure_event), *_failed_checks(context)])
    head, reason = _without(secrets, head), _without(secrets, reason)
    reason = _bounded(_excerpt(reason.replace("`", "'")), _LONGEST_MESSAGE - 500)
    return f"{_bounded(head, 480)}\n```\n{reason}\n```"


def _reason(failure: dg.DagsterEvent) -> str:
    """Give the first error that is not Dagster's own wrapping of another, if there is an error."""
    data = failure.job_failure_data
    # A run whose process was killed has no error, but only a message.
    error = data.error if data else None
    while error and error.cause and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    return f"{failure.message or ''}\n{error.message if error else ''}".strip()


def _failed_checks(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """Give what checks have found, which the error of a run that they stopped does not say."""
    for entry in context.instance.all_logs(
        context.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
    ):
        found = entry.get_dagster_event().asset_check_evaluation_data
        if not found.passed and found.severity == dg.AssetCheckSeverity.ERROR:
            yield f"{found.check_name}: {found.description}"


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


def _bounded(text: str, most: int) -> str:
    """Escape a text for Slack, and cut it to so many characters, but not within an escape."""
    escaped = [html.escape(character, quote=False) for character in text]
    lengths = itertools.accumulate(map(len, escaped))
    return "".join(part for part, length in zip(escaped, lengths, strict=True) if length <= most)


def _without(secrets: list[str], text: str) -> str:
    """Strike secrets out, also from JSON: an API may answer with the token that it was sent."""
    for secret in secrets:
        for shown in (secret, json.dumps(secret)[1:-1]):
            text = text.replace(shown, "***")
    return text


class _Outcome(NamedTuple):
    """What became of a post.

    Attributes:
        problem: Why it did not get through, without any part of the address; empty if it did.
        transient: Whether the same post may well get through a little later.
    """

    problem: str
    transient: bool = False


# All of it has to be over before Dagster gives up on the tick, after 60 s.
@tenacity.retry(
    retry=tenacity.retry_if_result(lambda outcome: outcome.transient),
    stop=tenacity.stop_any(tenacity.stop_after_attempt(3), tenacity.stop_before_delay(30)),
    wait=tenacity.wait_random_exponential(multiplier=0.5, max=5),
    retry_error_callback=lambda state: state.outcome.result(),  # type: ignore[union-attr]
)
def _post(url: str, text: str) -> _Outcome:
    # Errors of requests have the address in their texts, so none of them leaves this function.
    try:
        with (
            _unlogged(),
            requests.post(
                url,
                json={"text": text},
                timeout=(5, 10),
                allow_redirects=False,
                stream=True,
                auth=lambda request: request,  # Nothing from ~/.netrc.
            ) as response,
        ):
            status = response.status_code
    except requests.RequestException as error:
        transient = isinstance(error, (requests.ConnectionError, requests.Timeout))
        return _Outcome(f"{type(error).__name__} ({type(_origin(error)).__name__})", transient)
    if 200 <= status < 300:
        return _Outcome("")
    if 300 <= status < 400:
        return _Outcome(f"HTTP {status}, and a redirect is not followed")
    return _Outcome(f"HTTP {status}", transient=status == 429 or status >= 500)


def _origin(error: BaseException) -> BaseException:
    while error.__context__:
        error = error.__context__
    return error


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep this thread's requests out of the log, to which urllib3 writes paths at level DEBUG."""
    ours = threading.get_ident()
    logger = logging.getLogger("urllib3.connectionpool")

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != ours

    logger.addFilter(of_others)
    try:
        yield
    finally:
        logger.removeFilter(of_others)
