"""The HTTP jobs: two small Flask apps, each of which materializes one asset for one day.

    POST :8081/  {"date", "raw_dir"}               raw_sales
    POST :8082/  {"raw_dir", "stg_dir"[, "date"]}  stg_sales

No pipeline logic: a request is checked, handed to Dagster, and answered with what came out.
"""

import hmac
import logging
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from sales_assets.http_jobs.contract import REQUESTS, RawRequest, StgRequest, openapi
from sales_assets.http_jobs.directories import StoredDay, stored_day
from sales_assets.http_jobs.refusals import Answer, RequestError, refusal_of, refuse
from sales_assets.http_jobs.runs import Runs
from sales_assets.http_jobs.server import MAX_BODY
from sales_assets.sales.assets import SALES_DAYS

_log = logging.getLogger(__name__)


def create_app(asset: str, runs: Runs, roots: Sequence[Path], token: str | None = None) -> Flask:
    """Make the WSGI application of a job.

    Args:
        asset: What the job materializes.
        runs: Makes the runs; shared by all jobs of the process.
        roots: Absolute paths, below which a request may name directories.
        token: What a POST has to carry as `Authorization: Bearer TOKEN`; nothing when None.
    """
    app = Flask(asset, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(runs.check_accepting)
    app.register_error_handler(Exception, lambda error: _response(_refusal(error)))

    @app.post("/", provide_automatic_options=False)
    def materialize() -> Response:
        if "Origin" in request.headers:
            text = "requests of web pages (with Origin) are refused"
            return _response(refuse(HTTPStatus.FORBIDDEN, text))
        if token is not None and not _carries(token):
            text = "send Authorization: Bearer SALES_HTTP_TOKEN"
            response = _response(refuse(HTTPStatus.UNAUTHORIZED, text))
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        body = REQUESTS[asset].model_validate_json(request.get_data())
        day = g.day = _requested_day(body, roots)
        origin = {"sales_assets/http_origin": request.remote_addr or "unknown"}
        return _response(runs.materialize(asset, day, origin))

    @app.get("/health", provide_automatic_options=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/openapi.json", provide_automatic_options=False)
    def describe() -> dict[str, Any]:
        return openapi(asset, guarded=token is not None)

    @app.after_request
    def log(response: Response) -> Response:
        what = f"{asset}: {request.method} {request.path!r} from {request.remote_addr}"
        day = f" for {g.day}" if "day" in g else ""
        _log.info("%s: %d%s", what, response.status_code, day)
        return response

    return app


def _carries(token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.encode(), token.encode())


def _requested_day(body: RawRequest | StgRequest, roots: Sequence[Path]) -> StoredDay:
    directories = {"raw": body.raw_dir}
    if isinstance(body, StgRequest):
        directories["stg"] = body.stg_dir
    day = stored_day(directories, roots)
    if body.date and f"{body.date}" != day.day:
        raise RequestError(f"raw_dir {body.raw_dir!r} is not that of the date {body.date}")
    if not SALES_DAYS.has_partition_key(day.day):
        raise RequestError(
            f"date {day.day} is not a partition: they go from "
            f"{SALES_DAYS.get_first_partition_key()} (SALES_START_DATE) to "
            f"{SALES_DAYS.get_last_partition_key()} (yesterday, UTC)"
        )
    return day


def _refusal(error: Exception) -> Answer:
    """Turn any exception into an answer."""
    match error:
        case HTTPException():
            return refuse(HTTPStatus(error.code or 500), error.description or error.name)
        case ValidationError():
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            named = [(".".join(map(str, one["loc"])) or "body", one["msg"]) for one in problems]
            return refuse(HTTPStatus.BAD_REQUEST, "; ".join(map(": ".join, named)))
        case _:
            return refusal_of(error)


def _response(answer: Answer) -> Response:
    return Response(
        answer.body.model_dump_json(exclude_none=True),
        answer.status,
        content_type="application/json",
    )
