"""What a valid token is, and how a request carries it.

token_style = BearerToken()                Authorization: Bearer TOKEN
token_style = HeaderToken("X-Api-Key")     X-Api-Key: TOKEN
token_style = ParameterToken("api_key")    ?api_key=TOKEN
token_style = BasicToken()                 the variable holds USER:PASSWORD
"""

import base64
import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import requests

from sales_assets.http.secrets import Secret


class InvalidTokenError(ValueError):
    """The value of a variable cannot be a token; the text does not show it."""


class TokenStyle(Protocol):
    """How a request carries a token."""

    def sign(self, request: requests.PreparedRequest, token: str) -> None:
        """Put the token where the API expects it."""


@dataclass(frozen=True)
class HeaderToken:
    """A header of its own, such as `X-Api-Key`."""

    name: str

    def sign(self, request: requests.PreparedRequest, token: str) -> None:
        """Set the header."""
        request.headers[self.name] = token


@dataclass(frozen=True)
class BearerToken:
    """`Authorization: Bearer TOKEN`, or with another scheme."""

    scheme: str = "Bearer"

    def sign(self, request: requests.PreparedRequest, token: str) -> None:
        """Set the header."""
        request.headers["Authorization"] = f"{self.scheme} {token}"


@dataclass(frozen=True)
class ParameterToken:
    """A query parameter."""

    name: str

    def sign(self, request: requests.PreparedRequest, token: str) -> None:
        """Add the parameter, unless the address already has it, as the one of a next page may."""
        if self.name not in parse_qs(urlsplit(request.url or "").query):
            request.prepare_url(request.url, {self.name: token})


@dataclass(frozen=True)
class BasicToken:
    """User and password, separated by a colon."""

    def sign(self, request: requests.PreparedRequest, token: str) -> None:
        """Set the header `Authorization`."""
        request.headers["Authorization"] = f"Basic {_base64(token)}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


BARE = HeaderToken("Authorization")
"""The token as it is, in the header `Authorization`."""


def check_token(value: str, variable: str, style: TokenStyle = BARE) -> str:
    """Validate that a token fits into an HTTP header, and return it.

    Raises:
        InvalidTokenError: It contains white space, a control character or a non-ASCII character,
            or lacks the colon between user and password.
    """
    # A library would show a token with a line break in its error message.
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise InvalidTokenError(
            f"{variable} contains a character that tokens cannot have (white space, a line break, "
            "a control or non-ASCII character): set it again without that"
        )
    if isinstance(style, BasicToken) and ":" not in value:
        raise InvalidTokenError(f"{variable} must be USER:PASSWORD, separated by a colon")
    return value


class TokenAuth(requests.auth.AuthBase):
    """Signs requests with a token; while this object lives, the token is redacted from all texts.

    Args:
        token: Sent as it is, once `check_token` has passed it.
        style: How requests carry it.
    """

    def __init__(self, token: str, style: TokenStyle = BARE) -> None:
        self._token = Secret(token)
        self._style = style
        # The encoded forms that a text could show.
        if isinstance(style, BasicToken):
            self._parts = Secret(token.partition(":")[2]), Secret(_base64(token))

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        self._style.sign(request, self._token.value)
        return request
