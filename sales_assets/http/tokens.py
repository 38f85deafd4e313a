"""What a valid token is, and how a request carries it."""

import base64
import re
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

import requests

from sales_assets.http.secrets import Secret
from sales_assets.settings import InvalidSettingError


@dataclass(frozen=True)
class HeaderToken:
    """A header of its own, as in `X-Api-Key: TOKEN`."""

    name: str


@dataclass(frozen=True)
class BearerToken:
    """`Authorization: Bearer TOKEN`, or with another scheme."""

    scheme: str = "Bearer"


@dataclass(frozen=True)
class ParameterToken:
    """A query parameter, as in `?api_key=TOKEN`."""

    name: str


@dataclass(frozen=True)
class BasicToken:
    """The header `Authorization: Basic ...` for a token that is `USER:PASSWORD`."""


TokenStyle: TypeAlias = HeaderToken | BearerToken | ParameterToken | BasicToken
"""How a request carries a token."""

BARE = HeaderToken("Authorization")
"""The token as it is, in the header `Authorization`."""


def check_token(value: str, variable: str, style: TokenStyle = BARE) -> str:
    """Return a token if it fits into an HTTP header, or raise InvalidSettingError without it."""
    # A library would show a token with a line break in its error message.
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        expected = "a token without white space, control and non-ASCII characters"
    elif isinstance(style, BasicToken) and ":" not in value:
        expected = "USER:PASSWORD"
    else:
        return value
    raise InvalidSettingError(variable, None, expected)


class TokenAuth(requests.auth.AuthBase):
    """Signs requests with a token, which is redacted from all texts while this object lives."""

    def __init__(self, token: str, style: TokenStyle = BARE) -> None:
        self._token = Secret(token)
        self._style = style
        # The encoded forms that a text could show.
        if isinstance(style, BasicToken):
            self._parts = Secret(token.partition(":")[2]), Secret(_base64(token))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        token = self._token.value
        match self._style:
            case HeaderToken(name):
                request.headers[name] = token
            case BearerToken(scheme):
                request.headers["Authorization"] = f"{scheme} {token}"
            case BasicToken():
                request.headers["Authorization"] = f"Basic {_base64(token)}"
            # The address of a next page may have the parameter already.
            case ParameterToken(name) if name not in parse_qs(urlsplit(request.url or "").query):
                request.prepare_url(request.url, {name: token})
        return request


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
