"""Why requests are refused: the one table of statuses, when each is given, and for which errors.

The answers, their OpenAPI description and the table in docs/http-jobs.md follow it. The errors of
other rooms are named here, and nowhere else in this room.
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import NamedTuple

from pydantic import BaseModel, Field

from sales_assets.feed.api import NotSetUpError
from sales_assets.feed.contract import DamagedPageError
from sales_assets.feed.judgement import InvalidRowsError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.storage.day_directories import MissingPartitionError
from sales_assets.storage.files import InvalidPartitionError
from sales_assets.storage.io_manager import UnlikeRecordedError
from sales_assets.storage.replace import PublishError, ReplacedError

_log = logging.getLogger(__name__)


class RequestError(ValueError):
    """A request asks for what no job can do; the text names the field and says why."""


class DayBusyError(Exception):
    """Another request is writing the day."""


class KilledError(Exception):
    """The process of a run ended without an answer."""


class NotNowError(Exception):
    """Nothing is accepted at the moment: the server is stopping, or has too much to do."""


class Refused(BaseModel):
    """The request was refused, or its run failed."""

    message: str = Field(description="What is wrong, and what to do.")
    run_id: str | None = Field(default=None, description="The run in Dagster, if there was one.")


class Answer(NamedTuple):
    """What to send to a client."""

    status: HTTPStatus
    body: BaseModel


class Refusal(NamedTuple):
    """A status, when it is given, and which errors give it."""

    status: HTTPStatus
    when: str
    errors: tuple[type[BaseException], ...] = ()


REFUSALS = (
    Refusal(
        HTTPStatus.BAD_REQUEST,
        "Malformed JSON; a missing, mistyped or unknown field; a date that is not a partition; "
        "directories that are not allowed.",
        (RequestError, PublishError),
    ),
    Refusal(
        HTTPStatus.UNAUTHORIZED,
        "SALES_HTTP_TOKEN is set, and the request does not carry it as a bearer token.",
    ),
    Refusal(HTTPStatus.FORBIDDEN, "The request comes from a web page (it has an Origin header)."),
    Refusal(
        HTTPStatus.NOT_FOUND,
        "The API has no such day, or raw_dir does not hold a whole day.",
        (NoSuchDayError, MissingPartitionError, InvalidPartitionError, DamagedPageError),
    ),
    Refusal(HTTPStatus.REQUEST_TIMEOUT, "The body did not arrive within 30 seconds."),
    Refusal(
        HTTPStatus.CONFLICT,
        "Another request is writing the same day below the same root; raw_dir does not hold what "
        "was recorded of the day; or a file was deleted while it was needed.",
        (DayBusyError, ReplacedError, UnlikeRecordedError, FileNotFoundError),
    ),
    Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 64 KiB."),
    Refusal(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "A fault of the server: it is not set up (AUTH_TOKEN is missing, say), the process of the "
        "run was killed, or there is a bug. Its log and the run say more.",
        (NotSetUpError, KilledError),
    ),
    Refusal(
        HTTPStatus.BAD_GATEWAY,
        "The sales API failed, or what it sent are not sales of the day.",
        (FeedApiError, InvalidRowsError),
    ),
    Refusal(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The server is stopping, or 60 requests are waiting already.",
        (NotNowError,),
    ),
)
"""Every status a job refuses with; an error that none of them names is a 500, too."""

_STATUS = {error: refusal.status for refusal in REFUSALS for error in refusal.errors}


def refusal_of(error: BaseException, run_id: str | None = None) -> Answer:
    """Answer an error, and log what only the server should know.

    Args:
        error: What was raised; the first error in its chain of causes that the table names counts.
        run_id: The run that it ended, if there was one.
    """
    for cause in _chain(error):
        status = next((_STATUS[kind] for kind in type(cause).__mro__ if kind in _STATUS), None)
        if isinstance(cause, NotSetUpError):
            message = (
                f"this server is not set up: {cause}. Do that where the server runs, and start it "
                "again"
            )
            return refuse(HTTPStatus.INTERNAL_SERVER_ERROR, message, run_id)
        if status is not None:
            return refuse(status, str(cause), run_id)
    _log.error("a request failed", exc_info=error)
    where = f"see run {run_id} in Dagster" if run_id else "see its log"
    return refuse(HTTPStatus.INTERNAL_SERVER_ERROR, f"a fault of this server: {where}", run_id)


def refuse(status: HTTPStatus, message: str, run_id: str | None = None) -> Answer:
    """Answer with a refusal."""
    return Answer(status, Refused(message=message, run_id=run_id))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
