"""Makes the console show the error of a failed run once, and last; the history keeps everything.

Dagster prints an error of ours twice, each time with its own stack, and a line for each step that
could not run because of it. Errors that are not ours keep their stack.
"""

import logging
from typing import Any

from dagster import DagsterEvent

_NOT_RUN = "Dependencies for step "


class ShortErrors(logging.Handler):
    """Prints nothing, but shortens what the handlers after it print.

    A `dagster.yaml` names it in `python_logs`. Dagster gives each record to its history first, then
    to this, and then to the console.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Shorten a record, or keep it from the console."""
        metadata: dict[str, Any] = getattr(record, "dagster_meta", {})
        event: DagsterEvent | None = metadata.get("dagster_event")
        if event is None:
            if str(metadata.get("orig_message")).startswith(_NOT_RUN):
                record.levelno = logging.DEBUG
        elif event.is_step_failure and event.step_failure_data.user_failure_data:
            record.msg = record.msg.partition("\nStack Trace:")[0]
        elif event.is_run_failure and event.job_failure_data.first_step_failure_event:
            record.msg = record.msg.partition("\n")[0]
