"""Why requests are refused: one table of statuses, when each is sent, and for which errors.

The responses, their OpenAPI description and the table in docs/http-jobs.md come from it. This
package raises the errors of werkzeug; those of other packages are named here, and nowhere else.
"""

import logging
from typing import Any, TypeAlias

from pydantic import BaseModel, Field
from werkzeug.exceptions import HTTPException

from sales_assets.feed.api import NotSetUpError
from sales_assets.feed.contract import InvalidRowsError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.feed.stream import UpstreamDayError
from sales_assets.storage.io_manager import UnlikeRecordedError
from sales_assets.storage.replace import PublishError, ReplacedError

_log = logging.getLogger(__name__)


class Refused(BaseModel):
    """The request was refused, or its run failed."""

    message: str = Field(description="What is wrong, and what to do.")
    run_id: str | None = Field(default=None, description="ID of the Dagster run, if any.")


Answer: TypeAlias = tuple[dict[str, Any], int]
"""The body of a response, which is sent as JSON, and its status."""

REFUSALS = {
    400: "Malformed JSON; a missing, mistyped or unknown field; a date that is not a partition; "
    "directories that are not allowed.",
    401: "SALES_HTTP_TOKEN is set, but the request does not send it as a bearer token.",
    403: "The request comes from a web page (it has an Origin header).",
    404: "The API does not have the day, or raw_dir does not contain a complete day.",
    408: "The body did not arrive within 30 seconds.",
    409: "Another request is writing the same day below the same root; raw_dir differs from the "
    "record of the day; or a file was deleted while the run needed it.",
    413: "The body is larger than 64 KiB.",
    500: "The server is misconfigured (for example, AUTH_TOKEN is missing), the process of the run "
    "was killed, or there is a bug. See the server log and the run.",
    502: "The sales API failed, or returned invalid rows.",
    503: "The server is stopping, or 60 requests are already waiting.",
}
"""Every status a job refuses with, and when."""

_STATUSES: dict[type[BaseException], int] = {
    PublishError: 400,
    NoSuchDayError: 404,
    UnlikeRecordedError: 409,
    UpstreamDayError: 404,
    ReplacedError: 409,
    FileNotFoundError: 409,
    FeedApiError: 502,
    InvalidRowsError: 502,
}
"""The statuses for errors of other packages; any other error is a 500."""


def refusal_of(error: BaseException, run_id: str | None = None) -> Answer:
    """Turn an error into a response, and log what only the server should know.

    Args:
        error: What was raised; the first error in its chain of causes that is known here counts.
        run_id: The run that failed with it, if there was one.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HTTPException):
            return refuse(cause.code or 500, cause.description or cause.name, run_id)
        if isinstance(cause, NotSetUpError):
            message = f"the server is misconfigured: {cause}. Fix it there, and restart the server"
            return refuse(500, message, run_id)
        for kind, status in _STATUSES.items():
            if isinstance(cause, kind):
                return refuse(status, str(cause), run_id)
        cause = cause.__cause__
    _log.error("a request failed", exc_info=error)
    where = f"see run {run_id} in Dagster" if run_id else "see the server log"
    return refuse(500, f"internal error: {where}", run_id)


def refuse(status: int, message: str, run_id: str | None) -> Answer:
    """Make a refusal."""
    return Refused(message=message, run_id=run_id).model_dump(exclude_none=True), status
