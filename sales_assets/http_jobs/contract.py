"""What the HTTP jobs and their clients say to each other, and its OpenAPI description.

The models validate requests and make answers, and the description is generated from them and the
table of refusals, so that it cannot say anything else. What a request sets off is not known here.
"""

import datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from sales_assets.http_jobs.refusals import REFUSALS, Answer, Refused


def _real_date(text: str) -> str:
    datetime.date.fromisoformat(text)
    return text


Day = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="The partition, YYYY-MM-DD: from SALES_START_DATE to yesterday (UTC).",
        examples=["2022-08-09"],
        json_schema_extra={"format": "date"},
    ),
    AfterValidator(_real_date),
]


def _directory(layer: str) -> Any:
    return Field(
        description=f"ROOT/{layer}/sales/YYYY-MM-DD, an absolute path; ROOT lies within BASE_DIR "
        "or a root of SALES_HTTP_ROOTS.",
        examples=[f"/path/to/my_dir/{layer}/sales/2022-08-09"],
        # No standard format: it lets tools that send test requests make up their own directories.
        json_schema_extra={"format": f"{layer}-sales-directory"},
    )


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class RawRequest(_Request):
    """Pull a day's sales from the API into `raw_dir`, replacing what is there."""

    date: Day
    raw_dir: str = _directory("raw")


class StgRequest(_Request):
    """Turn the pages in `raw_dir` into one Avro file in `stg_dir`, replacing what is there."""

    raw_dir: str = _directory("raw")
    stg_dir: str = _directory("stg")
    # Not None, which a client could then send.
    date: Day = Field(
        default_factory=str, description="The partition; that of the directories unless given."
    )


REQUESTS: dict[str, type[RawRequest | StgRequest]] = {
    "raw_sales": RawRequest,
    "stg_sales": StgRequest,
}
"""The requests of each job, by the name of its asset."""


class Stored(BaseModel):
    """A day was stored."""

    message: str
    run_id: str = Field(description="The run in Dagster.")
    partition: str = Field(description="The day, YYYY-MM-DD.")
    rows: int
    files: int = Field(description="How many files the directory holds now.")


class Health(BaseModel):
    """The server takes requests."""

    status: str


def stored(asset: str, run_id: str, day: str, rows: int, files: int) -> Answer:
    """Answer that a day was stored."""
    message = f"{asset} {day} is stored: rows {rows}, files {files}"
    body = Stored(message=message, run_id=run_id, partition=day, rows=rows, files=files)
    return Answer(HTTPStatus.CREATED, body)


def openapi(asset: str, guarded: bool) -> dict[str, Any]:
    """Describe one job as an OpenAPI 3.1 document.

    Args:
        asset: Name of the asset that the job materializes.
        guarded: Whether requests have to carry a token.
    """
    request = REQUESTS[asset]
    models, definitions = models_json_schema(
        [
            (request, "validation"),
            *((model, "serialization") for model in (Stored, Refused, Health)),
        ],
        ref_template="#/components/schemas/{model}",
    )

    def content(model: type[BaseModel]) -> dict[str, Any]:
        mode = "validation" if model is request else "serialization"
        return {"application/json": {"schema": models[(model, mode)]}}  # type: ignore[index]

    def answer(model: type[BaseModel], text: str | None = None) -> dict[str, Any]:
        return {"description": text or model.__doc__, "content": content(model)}

    refusals = {str(one.status.value): answer(Refused, one.when) for one in REFUSALS}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Job {asset}", "version": "1", "description": request.__doc__},
        "paths": {
            "/": {
                "post": {
                    "operationId": asset,
                    "summary": request.__doc__,
                    "security": [{"token": []}] if guarded else [],
                    "requestBody": {"required": True, "content": content(request)},
                    "responses": {"201": answer(Stored), **refusals},
                }
            },
            "/health": {
                "get": {
                    "operationId": "health",
                    "summary": "Tell whether requests are taken.",
                    "responses": {"200": answer(Health), "503": refusals["503"]},
                }
            },
        },
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
