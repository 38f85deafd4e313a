"""Tokens: what they may be, and how requests carry them."""

import base64

import pytest
import requests

from sales_assets.http.secrets import redacted
from sales_assets.http.tokens import (
    BARE,
    BasicToken,
    BearerToken,
    HeaderToken,
    ParameterToken,
    TokenAuth,
    TokenStyle,
    check_token,
)
from sales_assets.settings import InvalidSettingError


def signed(auth: TokenAuth, address: str = "http://host/") -> requests.PreparedRequest:
    """Give a request that is signed so."""
    return requests.Request("GET", address, auth=auth).prepare()


def test_a_token_may_have_a_scheme_or_a_header_of_its_own() -> None:
    headers = signed(TokenAuth("made-up-word", BearerToken())).headers
    assert headers["Authorization"] == "Bearer made-up-word"
    headers = signed(TokenAuth("made-up-word", HeaderToken("X-Api-Key"))).headers
    assert headers["X-Api-Key"] == "made-up-word"
    assert "Authorization" not in headers


def test_a_token_may_be_a_parameter_that_comes_once() -> None:
    auth = TokenAuth("made-up&word", ParameterToken("key"))
    url = "http://host/a?page=1&key=made-up%26word"
    assert signed(auth, "http://host/a?page=1").url == url
    assert signed(auth, url).url == url
    assert redacted(url) == "http://host/a?page=1&key=***"


def test_a_user_and_a_password_are_sent_as_basic_and_shown_nowhere() -> None:
    auth = TokenAuth("ada:made-up-word", BasicToken())
    header = signed(auth).headers["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"ada:made-up-word"
    assert redacted(f"made-up-word, {header}") == "***, Basic ***"


@pytest.mark.parametrize(
    ("token", "style"),
    [
        *((token, BARE) for token in ("two\nlines", "two words", "t\u00f6ken", "\x7fword", "a\r")),
        ("made-up-word", BasicToken()),
    ],
)
def test_what_no_header_can_carry_is_refused_and_not_shown(token: str, style: TokenStyle) -> None:
    expected = r"REFUNDS_TOKEN is invalid; expected (a token without|USER:PASSWORD)"
    with pytest.raises(InvalidSettingError, match=expected) as error:
        check_token(token, "REFUNDS_TOKEN", style)
    assert token not in str(error.value)


def test_a_token_in_use_is_shown_nowhere() -> None:
    auth = TokenAuth("of-a-run-alone")
    assert redacted("the token of-a-run-alone") == "the token ***"
    assert "alone" not in repr(auth)
