"""The requests and responses of the HTTP jobs, and their OpenAPI description.

The description is generated from the models and the table of refusals.
"""

import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sales_assets.http_jobs.refusals import REFUSALS, Refused

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
