"""The HTTP jobs: two small Flask apps, each of which materializes one asset for one day.

    POST :8081/  {"date", "raw_dir"}               raw_sales
    POST :8082/  {"raw_dir", "stg_dir"[, "date"]}  stg_sales

No pipeline logic: a request is checked, handed to Dagster, and answered with what came out. What
requests and answers look like is in `contract`, which statuses there are in `refusals`, which
directories are allowed in `directories`, how runs are made in `runs`, and the server in `server`.
"""

import hmac
import logging
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, g, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from sales_assets.http_jobs.contract import Health, RawRequest, Refused, StgRequest, Stored, openapi
from sales_assets.http_jobs.directories import StoredDay, stored_day
from sales_assets.http_jobs.refusals import RequestError, refusal_of
from sales_assets.http_jobs.runs import RunFailedError, Runs
from sales_assets.sales.assets import SALES_DAYS

MAX_BODY = 64 * 1024
"""Bytes that a request may have."""

_log = logging.getLogger(__name__)


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
        body = job.request.model_validate_json(request.get_data())
        day = g.day = _requested_day(body, roots)
        tags = {
            "sales_assets/http_origin": request.remote_addr or "unknown",
            "sales_assets/base_dir": str(day.root),
        }
        run_id, (rows, files) = runs.materialize(job.asset, day, tags)
        message = f"{job.asset} {day.day} is stored: rows {rows}, files {files}"
        return _answer(
            HTTPStatus.CREATED,
            Stored(message=message, run_id=run_id, partition=day.day, rows=rows, files=files),
        )

    @app.get("/health", provide_automatic_options=False)
    def health() -> Response:
        return _answer(HTTPStatus.OK, Health(status="ok"))

    @app.get("/openapi.json", provide_automatic_options=False)
    def describe() -> dict[str, Any]:
        return description

    @app.after_request
    def log(response: Response) -> Response:
        day: StoredDay | None = g.get("day")
        _log.info(
            "%s: %s %r from %s: %d%s",
            job.asset,
            request.method,
            request.path,
            request.remote_addr,
            response.status_code,
            f" for {day.day} below {day.root}" if day else "",
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
        raise RequestError(f"raw_dir {body.raw_dir!r} is not that of the date {body.date}")
    if not SALES_DAYS.has_partition_key(day.day):
        raise RequestError(
            f"date {day.day} is not a partition: they go from "
            f"{SALES_DAYS.get_first_partition_key()} (SALES_START_DATE) to "
            f"{SALES_DAYS.get_last_partition_key()} (yesterday, UTC)"
        )
    return day


def _refusal(error: Exception) -> Response:
    """Turn any exception into an answer."""
    match error:
        case HTTPException():
            return _refuse(HTTPStatus(error.code or 500), error.description or error.name)
        case ValidationError():
            return _refuse(HTTPStatus.BAD_REQUEST, _problems(error))
        case RunFailedError():
            return _refuse(error.status, str(error), error.run_id)
        case _:
            return _refuse(*refusal_of(error))


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(map(str, problem['loc'])) or 'body'}: {problem['msg']}" for problem in problems
    )


def _refuse(status: HTTPStatus, message: str, run_id: str | None = None) -> Response:
    return _answer(status, Refused(message=message, run_id=run_id))


def _answer(status: HTTPStatus, model: BaseModel) -> Response:
    return Response(
        model.model_dump_json(exclude_none=True), status, content_type="application/json"
    )
