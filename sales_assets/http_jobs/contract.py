"""The requests and responses of the HTTP jobs, their OpenAPI description, and their refusals.

The description and docs/http-jobs.md repeat the table `REFUSALS`. This package raises the errors of
werkzeug; which statuses the errors of other packages get is decided here, and nowhere else.
"""

import datetime
import logging
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import HTTPException

from sales_assets.feed.api import NotSetUpError
from sales_assets.feed.contract import InvalidRowsError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.feed.stream import UpstreamDayError
from sales_assets.storage.io_manager import UnlikeRecordedError
from sales_assets.storage.replace import PublishError, ReplacedError

_log = logging.getLogger(__name__)

_DATE = "The partition, YYYY-MM-DD: from SALES_START_DATE to yesterday (UTC)."


def _directory(layer: str) -> Any:
    return Field(
        description=f"ROOT/{layer}/sales/YYYY-MM-DD, an absolute path; ROOT is within BASE_DIR "
        "or a root in SALES_HTTP_ROOTS.",
        # No standard format: it lets tools that send test requests make up their own directories.
        json_schema_extra={"format": f"{layer}-sales-directory"},
    )


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class RawRequest(_Request):
    """Pull a day's sales from the API into `raw_dir`, replacing its content."""

    date: datetime.date = Field(description=_DATE)
    raw_dir: str = _directory("raw")


class StgRequest(_Request):
    """Convert the pages in `raw_dir` into one Avro file in `stg_dir`, replacing its content."""

    raw_dir: str = _directory("raw")
    stg_dir: str = _directory("stg")
    date: datetime.date | None = Field(default=None, description=_DATE)


REQUESTS: dict[str, type[RawRequest | StgRequest]] = {
    "raw_sales": RawRequest,
    "stg_sales": StgRequest,
}
"""The requests of each job, by the name of its asset."""


class Stored(BaseModel):
    """The day was stored."""

    message: str
    run_id: str = Field(description="ID of the Dagster run.")
    partition: str = Field(description="The day, YYYY-MM-DD.")
    rows: int
    files: int = Field(description="Number of files now in the directory.")


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


def openapi(asset: str, guarded: bool) -> dict[str, Any]:
    """Describe the job of an asset as an OpenAPI 3.1 document; `guarded` by a token."""
    request = REQUESTS[asset]
    responses = {"201": {"description": Stored.__doc__, "content": _json(Stored)}}
    for status, when in REFUSALS.items():
        responses[str(status)] = {"description": when, "content": _json(Refused)}
    job: dict[str, Any] = {
        "operationId": asset,
        "summary": request.__doc__,
        "security": [{"token": []}] if guarded else [],
        "requestBody": {"required": True, "content": _json(request)},
        "responses": responses,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Job {asset}", "version": "1"},
        "paths": {"/": {"post": job}},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": model.model_json_schema()}}


def refusal_of(error: BaseException, run_id: str | None = None) -> Answer:
    """Refuse because of an error, or of the first error in its chain of causes that is known here.

    Any other is logged, and not shown to the client. `run_id` is the run that failed with it.
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
    """Return the response for a refusal."""
    return Refused(message=message, run_id=run_id).model_dump(exclude_none=True), status
