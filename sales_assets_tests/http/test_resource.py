"""The base class of API resources."""

import pytest

from sales_assets.http.client import HttpAnswer, Question
from sales_assets.http.errors import ApiError, HttpError
from sales_assets.http.resource import HttpApi
from sales_assets.http.secrets import redacted
from sales_assets.sample.api import Answer
from sales_assets_tests.helpers.scripted_api import ScriptedApi


class RefundsApi(HttpApi):
    """The API of another feed."""

    title = "refunds API"
    address_variable = "REFUNDS_API_URL"
    token_variable = "REFUNDS_TOKEN"  # noqa: S105 - the name of a variable

    def refunds(self) -> bytes:
        """Ask for something."""
        page = {"date": "2022-08-09", "page": "1"}
        return Question(self._client, "/sales", page, self._read).result()

    def _read(self, answer: HttpAnswer) -> bytes:
        if answer.status != 200:
            raise self.refusal(answer)
        return answer.body


@pytest.fixture
def token(api: ScriptedApi, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of that API, in a variable of its own."""
    monkeypatch.delenv("AUTH_TOKEN")
    monkeypatch.setenv("REFUNDS_TOKEN", api.token)
    api.days["2022-08-09"] = [b"[1]"]
    return api.token


def test_its_token_is_shown_nowhere_and_after_the_run_nothing_is_asked(
    api: ScriptedApi, token: str
) -> None:
    with RefundsApi(url=api.url).open() as client:
        assert token not in f"{client!r} {client} {client.__dict__}"
        assert redacted(f"<{token}>") == "<***>"
    with pytest.raises(HttpError, match="closed"):
        client.refunds()


def test_an_address_is_checked_before_the_token(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REFUNDS_TOKEN")
    with pytest.raises(ApiError, match=r"REFUNDS_API_URL is 'sampel'; expected an address"):
        RefundsApi(url="sampel").connect()


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, ApiError, "the refunds API rejects the token in REFUNDS_TOKEN .HTTP 401"),
        (403, ApiError, "set REFUNDS_TOKEN to a valid token"),
        (103, HttpError, "HTTP 103.*an early hint"),
        (204, HttpError, "HTTP 204.*no content.*the address"),
        (302, HttpError, "redirects to https://login.example/.*; /sales.*page=1 is added"),
        (304, HttpError, "HTTP 304.*cache"),
        (421, HttpError, "HTTP 421.*does not serve this host"),
    ],
)
def test_a_refusal_names_the_address_and_what_to_set(
    api: ScriptedApi, token: str, status: int, error: type[Exception], says: str
) -> None:
    headers = {"Location": "https://login.example/"} if status == 302 else {}
    api.script.append(Answer(status, headers=headers))
    with RefundsApi(url=api.url).open() as client, pytest.raises(error, match=says) as refused:
        client.refunds()
    assert f"{api.url}/sales?date=2022-08-09&page=1" in str(refused.value)
