"""What the HTTP jobs describe, and how they refuse."""

import re
from typing import Any

import pytest
from werkzeug.exceptions import BadRequest

from sales_assets.feed.api import RefusedTokenError
from sales_assets.feed.contract import InvalidRowsError
from sales_assets.feed.paging import NoSuchDayError
from sales_assets.http_jobs.contract import REFUSALS, openapi, refusal_of
from sales_assets.storage.day_directories import MissingPartitionError
from sales_assets_tests.helpers.files import PROJECT


def test_the_documentation_has_the_same_table() -> None:
    text = (PROJECT / "docs/http-jobs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| (.+) \|$", text, re.MULTILINE)
    stored = ("201", "The day was stored.")
    assert rows == [stored, *((str(status), when) for status, when in REFUSALS.items())]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (BadRequest("x"), 400, "x"),
        (RefusedTokenError("x"), 502, "x"),
        (NoSuchDayError("x"), 404, "x"),
        (MissingPartitionError("x"), 404, "x"),
        (InvalidRowsError("x"), 502, "x"),
        (KeyError("secret"), 500, "internal error: see run the-run in Dagster"),
    ],
    ids=repr,
)
def test_an_error_has_the_status_of_the_first_of_its_causes_that_is_known(
    error: Exception, status: int, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    raised = RuntimeError("the step failed")
    raised.__cause__ = error
    assert refusal_of(raised, "the-run") == ({"message": message, "run_id": "the-run"}, status)
    assert ("secret" in caplog.text) == isinstance(error, KeyError)


@pytest.mark.parametrize(("guarded", "security"), [(True, [{"token": []}]), (False, [])])
def test_every_refusal_and_the_token_are_described(guarded: bool, security: list[Any]) -> None:
    job = openapi("raw_sales", guarded)["paths"]["/"]["post"]
    assert set(job["responses"]) == {"201", *map(str, REFUSALS)}
    assert job["security"] == security
