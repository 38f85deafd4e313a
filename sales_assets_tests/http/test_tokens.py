"""Tokens: where they come from, and what they may be."""

import pytest
import requests

from sales_assets.http.secrets import redacted
from sales_assets.http.tokens import (
    InvalidTokenError,
    TokenAuth,
    check_token,
    token_from_environment,
)


def sent(auth: TokenAuth) -> str:
    """Give what a request carries that is signed so."""
    return requests.Request("GET", "http://host", auth=auth).prepare().headers["Authorization"]


def test_a_token_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUNDS_TOKEN", "made-up-word")
    auth = token_from_environment("REFUNDS_TOKEN")
    assert auth is not None
    assert sent(auth) == "made-up-word"
    monkeypatch.setenv("REFUNDS_TOKEN", "")
    assert token_from_environment("REFUNDS_TOKEN") is None


def test_a_token_may_have_a_scheme() -> None:
    assert sent(TokenAuth("made-up-word", "Bearer")) == "Bearer made-up-word"


@pytest.mark.parametrize("token", ["two\nlines", "two words", "t\u00f6ken", "\x7fword", "word\r"])
def test_what_no_header_can_carry_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(InvalidTokenError, match="REFUNDS_TOKEN holds") as error:
        check_token(token, "REFUNDS_TOKEN")
    assert token not in str(error.value)


def test_a_token_in_use_is_shown_nowhere() -> None:
    auth = TokenAuth("of-a-run-alone")
    assert redacted("the token of-a-run-alone") == "the token ***"
    assert "alone" not in repr(auth)
