"""The HTTP jobs: two small Flask apps, each of which materializes one asset for one day.

    POST :8081/  {"date", "raw_dir"}               raw_sales
    POST :8082/  {"raw_dir", "stg_dir"[, "date"]}  stg_sales

No pipeline logic: a request is checked, handed to Dagster, and answered with what came out. What
requests and answers look like is in `http_contract`, which directories are allowed in
`http_directories`, how runs are made in `http_runs`, and the server in `http_server`.
"""

import hmac
import logging
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from sales_assets.feed.contract import InvalidRowsError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.http_jobs.contract import Health, RawRequest, Refusal, StgRequest, Stored, openapi
from sales_assets.http_jobs.directories import DirectoryError, StoredDay, stored_day
from sales_assets.http_jobs.runs import DayBusyError, NotNowError, RunFailedError, Runs
from sales_assets.sales.assets import SALES_DAYS
from sales_assets.storage.files import InvalidPartitionError
from sales_assets.storage.io_manager import MissingPartitionError
from sales_assets.storage.replace import PublishError, ReplacedError

MAX_BODY = 64 * 1024
"""Bytes that a request may have."""

_log = logging.getLogger(__name__)


class DateError(ValueError):
    """The date of a request is no partition, or not that of its directories."""


_STATUS: dict[type[BaseException], HTTPStatus] = {
    DateError: HTTPStatus.BAD_REQUEST,
    DirectoryError: HTTPStatus.BAD_REQUEST,
    PublishError: HTTPStatus.BAD_REQUEST,
    NoSuchDayError: HTTPStatus.NOT_FOUND,
    MissingPartitionError: HTTPStatus.NOT_FOUND,
    # What lies in raw_dir is not a whole day; the same remedy as for one that is missing.
    InvalidPartitionError: HTTPStatus.NOT_FOUND,
    DayBusyError: HTTPStatus.CONFLICT,
    ReplacedError: HTTPStatus.CONFLICT,
    FeedApiError: HTTPStatus.BAD_GATEWAY,
    # Neither the client's fault nor ours: the API sent something that is no sales.
    InvalidRowsError: HTTPStatus.BAD_GATEWAY,
    NotNowError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The answer to each class of failure, wherever in a chain of causes it is found; else 500."""


class HttpJob(NamedTuple):
    """What one server does.

    Attributes:
        asset: Name of the asset.
        request: The model of its requests.
    """

    asset: str
    request: type[RawRequest | StgRequest]


HTTP_JOBS = {
    "raw": HttpJob("raw_sales", RawRequest),
    "stg": HttpJob("stg_sales", StgRequest),
}


def create_app(job: HttpJob, runs: Runs, roots: Sequence[Path], token: str | None = None) -> Flask:
    """Make the WSGI application of a job.

    Args:
        job: Which one.
        runs: Makes the runs; shared by all jobs of the process.
        roots: Absolute paths, below which a request may name directories.
        token: What a POST has to carry as `Authorization: Bearer TOKEN`; nothing when None.
    """
    app = Flask(job.asset, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    description = openapi(job.asset, job.request, guarded=token is not None)

    @app.before_request
    def check_accepting() -> None:
        runs.check_accepting()

    @app.post("/", provide_automatic_options=False)
    def materialize() -> Response:
        if "Origin" in request.headers:
            return _refuse(HTTPStatus.FORBIDDEN, "requests of web pages (with Origin) are refused")
        if token is not None and not _carries(token):
            answer = _refuse(HTTPStatus.UNAUTHORIZED, "send Authorization: Bearer SALES_HTTP_TOKEN")
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        day = _requested_day(job.request.model_validate_json(request.get_data()), roots)
        tags = {
            "sales_assets/http_origin": request.remote_addr or "unknown",
            "sales_assets/base_dir": str(day.root),
        }
        run = runs.materialize(job.asset, day, tags)
        rows, files = run.metadata["dagster/row_count"], run.metadata["files"]
        message = f"{job.asset} {day.day} is stored: rows {rows}, files {files}"
        return _answer(
            HTTPStatus.CREATED,
            Stored(message=message, run_id=run.run_id, partition=day.day, rows=rows, files=files),
        )

    @app.get("/health", provide_automatic_options=False)
    def health() -> Response:
        return _answer(HTTPStatus.OK, Health(status="ok"))

    @app.get("/openapi.json", provide_automatic_options=False)
    def describe() -> dict[str, Any]:
        return description

    @app.after_request
    def log(response: Response) -> Response:
        _log.info(
            "%s: %s %r from %s: %d",
            job.asset,
            request.method,
            request.path,
            request.remote_addr,
            response.status_code,
        )
        return response

    app.register_error_handler(Exception, _refusal)
    return app


def _carries(token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.encode(), token.encode())


def _requested_day(body: RawRequest | StgRequest, roots: Sequence[Path]) -> StoredDay:
    directories = {"raw": body.raw_dir}
    if isinstance(body, StgRequest):
        directories["stg"] = body.stg_dir
    day = stored_day(directories, roots)
    if body.date and body.date != day.day:
        raise DateError(f"raw_dir {body.raw_dir!r} is not that of the date {body.date}")
    if not SALES_DAYS.has_partition_key(day.day):
        raise DateError(
            f"date {day.day} is no partition: they go from "
            f"{SALES_DAYS.get_first_partition_key()} (SALES_START_DATE) to "
            f"{SALES_DAYS.get_last_partition_key()} (yesterday, UTC)"
        )
    return day


def _refusal(error: Exception) -> Response:
    """Turn any exception into an answer; the one place that decides on the status."""
    if isinstance(error, HTTPException):
        return _refuse(HTTPStatus(error.code or 500), error.description or error.name)
    if isinstance(error, ValidationError):
        return _refuse(HTTPStatus.BAD_REQUEST, _problems(error))
    run_id = error.run_id if isinstance(error, RunFailedError) else None
    for cause in _chain(error):
        for kind in type(cause).__mro__:
            if kind in _STATUS:
                return _refuse(_STATUS[kind], str(cause), run_id)
    _log.error("a request failed", exc_info=error)
    return _refuse(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "a fault of this server"
        + (f": see run {run_id} in Dagster" if run_id else ": see its log"),
        run_id,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems
    )


def _refuse(status: HTTPStatus, message: str, run_id: str | None = None) -> Response:
    return _answer(status, Refusal(message=message, run_id=run_id))


def _answer(status: HTTPStatus, model: BaseModel) -> Response:
    return Response(
        model.model_dump_json(exclude_none=True), status, content_type="application/json"
    )
