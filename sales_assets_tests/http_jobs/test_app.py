"""The HTTP jobs as their clients see them: the real command in another process."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from sales_assets.http_jobs.server import MAX_BODY
from sales_assets.sample.api import Answer
from sales_assets.sample.invented import rows_of_day
from sales_assets_tests.helpers.files import IRREGULAR, tree
from sales_assets_tests.helpers.http_jobs_server import (
    HeldApi,
    HttpJobs,
    api_settings,
    running_http_jobs,
)

pytestmark = pytest.mark.slow

TOKEN = "some-words"  # noqa: S105


@pytest.fixture(scope="module")
def jobs(held_api: HeldApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpJobs]:
    """The running servers."""
    directory = tmp_path_factory.mktemp("jobs")
    with running_http_jobs(directory, **api_settings(held_api)) as server:
        yield server


def message(response: requests.Response, status: int) -> str:
    """Give the text of a refusal, which is always JSON."""
    assert response.headers["Content-Type"] == "application/json"
    assert response.status_code == status, response.text
    assert "Traceback" not in response.text
    return str(response.json()["message"])


def test_the_answer_tells_what_was_stored_and_again_and_the_run_is_in_dagster(
    jobs: HttpJobs,
) -> None:
    day = "2022-09-01"
    rows = rows_of_day(datetime.date.fromisoformat(day))
    answers = [jobs.raw(day), jobs.stg(day)]
    for asset, files, answer in zip(("raw_sales", "stg_sales"), (4, 1), answers, strict=True):
        assert answer.status_code == 201, answer.text
        body = answer.json()
        assert body == {
            "message": f"{asset} {day} is stored: rows {rows}, files {files}",
            "run_id": body["run_id"],
            "partition": day,
            "rows": rows,
            "files": files,
        }
        with jobs.instance() as instance:
            run = instance.get_run_by_id(body["run_id"])
        assert run is not None
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert run.tags["sales_assets/http_origin"] == "127.0.0.1"
        assert run.tags["dagster/partition"] == day
        log = jobs.log.read_text()
        assert f"run {body['run_id']}: {asset} {day} below '{jobs.storage}'" in log
        assert f"{asset}: POST '/' from 127.0.0.1: 201 for {day} below '{jobs.storage}'" in log
    stored = tree(jobs.storage)
    assert [jobs.raw(day).status_code, jobs.stg(day).status_code] == [201, 201]
    assert tree(jobs.storage) == stored


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"date": 20220809}, "date: "),
        ({"date": "20220809"}, "date: "),
        ({"date": "2022-02-30"}, "date: "),
        ({"date": "2022-08-09T00:00:00"}, "date: "),
        ({"date": "2022-09-04"}, "does not belong to the date 2022-09-04"),
        ({"raw_dir": None}, "raw_dir: Input should be a valid string"),
        ({"raw_dir": "/etc/raw/sales/2022-09-03"}, "SALES_HTTP_ROOTS"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
    ids=str,
)
def test_a_request_that_does_not_fit_is_400_and_says_why(
    jobs: HttpJobs, changes: dict[str, Any], named: str
) -> None:
    assert named in message(jobs.raw("2022-09-03", **changes), 400)
    assert named in message(jobs.stg("2022-09-03", **changes), 400)
    assert not Path(jobs.directory("raw", "2022-09-03")).exists()


@pytest.mark.parametrize("day", ["2022-08-08", "TODAY", "2999-01-01", "0000-01-01", "9999-12-31"])
def test_a_day_before_the_first_or_after_yesterday_is_400(jobs: HttpJobs, day: str) -> None:
    day = day.replace("TODAY", datetime.datetime.now(datetime.timezone.utc).date().isoformat())
    assert "date" in message(jobs.raw(day), 400)
    assert "date" in message(jobs.stg(day), 400)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        *(("POST", "", body, 400, "body") for body in (b"", b"[]", b"\xff", b'"\\ud800"')),
        ("POST", "", b"{}", 400, "date: Field required; raw_dir: Field required"),
        *(("POST", "", b" " * size, 413, "") for size in (MAX_BODY + 1, 2 * 1024 * 1024)),
        *((method, "", b"", 405, "") for method in ("GET", "PUT", "DELETE", "OPTIONS")),
        ("GET", "favicon.ico", b"", 404, ""),
    ],
)
def test_what_is_no_request_of_a_job_is_refused_in_json(
    jobs: HttpJobs, method: str, path: str, body: bytes, status: int, text: str
) -> None:
    url = jobs.urls["raw_sales"] + path
    # In a chunk, so that its length is not told.
    response = requests.request(method, url, data=iter([body]) if body else None, timeout=30)
    assert text in message(response, status)


def test_a_request_of_a_web_page_is_403(jobs: HttpJobs) -> None:
    assert "web pages" in message(post_with(jobs, Origin="http://example.com"), 403)


@pytest.mark.parametrize(
    ("api_status", "status", "reason"),
    [
        (404, 404, "404 on page 1"),
        (400, 502, "HTTP 400"),
        (401, 502, "rejects the token in AUTH_TOKEN"),
    ],
)
def test_a_failing_api_is_told_with_the_reason_and_the_run_but_not_the_token(
    jobs: HttpJobs, held_api: HeldApi, api_status: int, status: int, reason: str
) -> None:
    held_api.script.append(Answer(api_status))
    response = jobs.raw("2022-09-12")
    assert reason in message(response, status)
    assert jobs.status_of(response) == dg.DagsterRunStatus.FAILURE
    assert held_api.token not in response.text + jobs.log.read_text()


@pytest.mark.parametrize("kind", ["a directory", "a FIFO", "a socket"])
def test_a_page_that_is_not_a_regular_file_is_refused_at_once(jobs: HttpJobs, kind: str) -> None:
    day = "2022-09-14"
    assert jobs.raw(day).status_code == 201
    strange = Path(jobs.directory("raw", day), f"sales_{day}_2.json")
    strange.unlink()
    IRREGULAR[kind](strange)
    assert str(strange) in message(jobs.stg(day), 404)
    # Materializing replaces everything that is there.
    assert [jobs.raw(day).status_code, jobs.stg(day).status_code] == [201, 201]


def test_a_server_without_its_token_is_500_and_says_what_to_do_there(
    held_api: HeldApi, tmp_path: Path
) -> None:
    with running_http_jobs(tmp_path, SALES_API_URL=held_api.url) as jobs:
        text = message(jobs.raw("2022-08-09"), 500)
    assert "AUTH_TOKEN is not set" in text
    assert "Fix it there" in text


def test_only_a_request_with_the_token_is_let_in_and_the_token_is_shown_nowhere(
    tmp_path: Path,
) -> None:
    with running_http_jobs(tmp_path, SALES_HTTP_TOKEN=TOKEN, SALES_API_URL="sample") as jobs:
        for sent in ("", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer other", "Bearer \xc3\xa9"):
            response = post_with(jobs, Authorization=sent)
            assert "SALES_HTTP_TOKEN" in message(response, 401)
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert TOKEN not in response.text + jobs.log.read_text()
        assert "SALES_HTTP_TOKEN" in message(jobs.raw("2022-08-09"), 401)
        assert post_with(jobs, Authorization=f"bearer {TOKEN}").status_code == 201


def post_with(jobs: HttpJobs, **headers: str) -> requests.Response:
    body = {"date": "2022-08-09", "raw_dir": jobs.directory("raw", "2022-08-09")}
    return requests.post(jobs.urls["raw_sales"], json=body, headers=headers, timeout=60)
