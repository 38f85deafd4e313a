"""The HTTP jobs: two small Flask apps, each of which materializes one asset for one day.

POST :8081/  {"date", "raw_dir"}               raw_sales
POST :8082/  {"raw_dir", "stg_dir"[, "date"]}  stg_sales
"""

import hmac
import logging
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, Forbidden, Unauthorized

from sales_assets.http_jobs import contract
from sales_assets.http_jobs.contract import RawRequest, StgRequest
from sales_assets.http_jobs.directories import StoredDay, stored_day
from sales_assets.http_jobs.runs import Runs
from sales_assets.http_jobs.server import MAX_BODY
from sales_assets.sales.assets import SALES_DAYS

_log = logging.getLogger(__name__)


def create_app(asset: str, runs: Runs, roots: Sequence[Path], token: str) -> Flask:
    """Make the WSGI application of the job that materializes an asset.

    Args:
        asset: Its name.
        runs: Shared by all jobs of the process.
        roots: Absolute paths, below which a request may name directories.
        token: A POST must send it as `Authorization: Bearer TOKEN`, unless it is empty.
    """
    app = Flask(asset, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.before_request(runs.check_accepting)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of its default provider
    app.register_error_handler(Exception, contract.refusal_of)

    @app.post("/", provide_automatic_options=False)
    def materialize() -> contract.Answer:
        if "Origin" in request.headers:
            raise Forbidden("requests from web pages (with an Origin header) are not allowed")
        if token and not _carries(token):
            raise Unauthorized("send Authorization: Bearer SALES_HTTP_TOKEN")
        day = g.day = _requested_day(_body(contract.REQUESTS[asset]), roots)
        return runs.materialize(asset, day, request.remote_addr or "unknown")

    @app.get("/health", provide_automatic_options=False)
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/openapi.json", provide_automatic_options=False)
    def describe() -> dict[str, Any]:
        return contract.openapi(asset, guarded=bool(token))

    @app.after_request
    def log(response: Response) -> Response:
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = "Bearer"
        what = f"{asset}: {request.method} {request.path!r} from {request.remote_addr}"
        day = f" for {g.day}" if "day" in g else ""
        _log.info("%s: %d%s", what, response.status_code, day)
        return response

    return app


def _carries(token: str) -> bool:
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(sent.encode(), token.encode())


def _body(model: type[RawRequest | StgRequest]) -> RawRequest | StgRequest:
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        named = [(".".join(map(str, one["loc"])) or "body", one["msg"]) for one in problems]
        raise BadRequest("; ".join(map(": ".join, named))) from None


def _requested_day(body: RawRequest | StgRequest, roots: Sequence[Path]) -> StoredDay:
    stg = {"stg": body.stg_dir} if isinstance(body, StgRequest) else {}
    day = stored_day({"raw": body.raw_dir, **stg}, roots)
    if body.date and f"{body.date}" != day.day:
        raise BadRequest(f"raw_dir {body.raw_dir!r} does not belong to the date {body.date}")
    if not SALES_DAYS.has_partition_key(day.day):
        raise BadRequest(
            f"date {day.day} is not a partition; valid dates are "
            f"{SALES_DAYS.get_first_partition_key()} (SALES_START_DATE) to "
            f"{SALES_DAYS.get_last_partition_key()} (yesterday, UTC)"
        )
    return day
