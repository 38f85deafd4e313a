"""Tokens: what they may be, and how requests carry them."""

import re

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


@pytest.mark.parametrize(
    ("style", "sent"),
    [
        (BARE, {"Authorization": "ada:made-up-word"}),
        (BearerToken(), {"Authorization": "Bearer ada:made-up-word"}),
        (HeaderToken("X-Api-Key"), {"X-Api-Key": "ada:made-up-word"}),
        (BasicToken(), {"Authorization": "Basic YWRhOm1hZGUtdXAtd29yZA=="}),
    ],
)
def test_a_token_is_in_one_header_and_shown_nowhere(
    style: TokenStyle, sent: dict[str, str]
) -> None:
    auth = TokenAuth("ada:made-up-word", style)
    assert signed(auth).headers == sent
    for text in (*sent.values(), repr(auth)):
        assert not re.search("made-up-word|YWRh", redacted(text))


def test_a_token_may_be_a_parameter_that_comes_once() -> None:
    auth = TokenAuth("made-up&word", ParameterToken("key"))
    url = "http://host/a?page=1&key=made-up%26word"
    assert signed(auth, "http://host/a?page=1").url == url
    assert signed(auth, url).url == url
    assert redacted(url) == "http://host/a?page=1&key=***"


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
