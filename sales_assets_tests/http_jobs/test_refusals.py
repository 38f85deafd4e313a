"""The table of refusals: what it answers, and that the documentation repeats it."""

import re
from http import HTTPStatus

import pytest
from werkzeug.exceptions import BadRequest, Conflict

from sales_assets.feed.api import NotSetUpError, RefusedTokenError
from sales_assets.feed.paging import FeedApiError, NoSuchDayError
from sales_assets.http_jobs.refusals import REFUSALS, refusal_of, refuse
from sales_assets_tests.helpers.files import PROJECT

RUN = "the-run"


def test_the_documentation_has_the_same_table() -> None:
    text = (PROJECT / "docs/http-jobs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", text, re.MULTILINE)
    ours = [(str(one.status.value), one.when) for one in REFUSALS]
    assert [("201", "The day was stored."), *ours] == rows


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadRequest("x"), 400),
        (Conflict("x"), 409),
        (FeedApiError("x"), 502),
        (RefusedTokenError("x"), 502),
        (NoSuchDayError("x"), 404),
    ],
)
def test_an_error_has_the_status_of_the_table(error: Exception, status: int) -> None:
    assert refusal_of(error) == refuse(HTTPStatus(status), "x")


def test_the_first_named_error_in_the_chain_of_causes_counts() -> None:
    outer = RuntimeError("the step failed")
    outer.__cause__ = NoSuchDayError("no such day")
    assert refusal_of(outer, RUN) == refuse(HTTPStatus.NOT_FOUND, "no such day", RUN)


def test_an_error_without_a_name_tells_no_more_than_the_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert refusal_of(KeyError("secret"), RUN) == refuse(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal error: see run the-run in Dagster", RUN
    )
    assert "secret" in caplog.text


def test_what_the_server_lacks_is_its_own_fault_and_says_what_to_do_there() -> None:
    assert refusal_of(NotSetUpError("AUTH_TOKEN is not set: set it"), RUN) == refuse(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the server is misconfigured: AUTH_TOKEN is not set: set it. Fix it there, and "
        "restart the server",
        RUN,
    )
