"""The client of the rides API, against a server on a real socket."""

import json
import re
from collections.abc import Iterator

import pytest

from sales_assets.http.errors import HttpError
from sales_assets.rides.api import RidesApi
from sales_assets.sample.api import Answer
from sales_assets.sample.faults import Fault
from sales_assets_tests.helpers.raw_server import RawServer, dripping, read_request
from sales_assets_tests.helpers.rows import ride_answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi


@pytest.fixture
def rides_api(api: ScriptedApi) -> Iterator[RidesApi]:
    """The client of an API whose rides are called 1, 2, 3 and so on."""
    api.ride = lambda number: json.dumps(ride_answer(str(number))).encode()
    with RidesApi(url=api.url, backoff=3).open() as client:
        yield client


def test_each_poll_brings_the_next_ride(api: ScriptedApi, rides_api: RidesApi) -> None:
    assert list(rides_api.rides(0, polls=3)) == [ride_answer(str(n)) for n in (1, 2, 3)]
    assert api.requests == ["/ride"] * 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(500), "HTTP 500"),
        (Answer(404), "HTTP 404"),
        (Answer(201, json.dumps(ride_answer()).encode()), "HTTP 201"),
        (Answer(302, headers={"Location": "http://localhost:1/"}), "HTTP 302"),
        (Answer(body=b"<html>busy</html>"), "not a complete ride"),
        (Answer(body=b"{}"), "not a complete ride: ride: Field required"),
        (Answer(body=json.dumps(ride_answer(distance="1")).encode()), r"ride\.distance"),
        (Answer(body=b'{"ride": {}}', fault=Fault(cut=5)), "IncompleteRead|Connection"),
    ],
    ids=str,
)
def test_an_answer_without_a_ride_is_handed_over_and_not_asked_for_again(
    api: ScriptedApi, rides_api: RidesApi, answer: Answer, reason: str
) -> None:
    api.script.append(answer)
    skipped, ride = rides_api.rides(0, polls=2, pause=lambda _: None)
    assert isinstance(skipped, HttpError)
    assert re.search(reason, skipped.reason)
    assert ride == ride_answer("1")
    assert len(api.requests) == 2


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(200, json.dumps(ride_answer()).encode()), 1),
        (Answer(500), 3),
        (Answer(429, headers={"Retry-After": "7"}), 7),
        (Answer(429, headers={"Retry-After": "86400"}), 120),
        (Answer(429, headers={"Retry-After": "soon"}), 3),
    ],
    ids=str,
)
def test_after_no_ride_the_pause_is_the_backoff_or_what_the_server_says_up_to_a_cap(
    api: ScriptedApi, rides_api: RidesApi, answer: Answer, seconds: float
) -> None:
    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return True

    pauses: list[float] = []
    api.script.append(answer)
    assert len(list(rides_api.rides(1, pause=pause))) == 1
    assert pauses == [seconds]


def test_no_call_is_made_after_the_time_is_over(rides_api: RidesApi) -> None:
    assert len(list(rides_api.rides(interval=3600, seconds=3000))) == 1


def test_an_answer_that_drips_in_gives_no_ride() -> None:
    with (
        RawServer(dripping) as server,
        RidesApi(url=server.url, request_timeout=0.3).open() as client,
    ):
        [skipped] = client.rides(0, polls=1)
    assert isinstance(skipped, HttpError)
    assert "no complete response within" in skipped.reason


def test_no_token_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    requests: list[bytes] = []
    with (
        RawServer(lambda connection: requests.append(read_request(connection))) as server,
        RidesApi(url=server.url).open() as client,
    ):
        list(client.rides(0, polls=1))
    [request] = requests
    assert b"authorization" not in request.lower()
    assert b"made-up-word" not in request


def test_a_token_that_the_api_sends_back_is_not_shown(
    rides_api: RidesApi, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "made-up-word")
    body = json.dumps(ride_answer(distance=f"{'x' * 70}made-up-word"))
    api.script.append(Answer(body=body.encode()))
    [skipped] = rides_api.rides(0, polls=1)
    assert isinstance(skipped, HttpError)
    assert "x***" in skipped.reason
    assert "made" not in skipped.reason
