"""What a token may be, and where it comes from: a variable, at the moment it is needed."""

import re

import requests

from sales_assets import settings
from sales_assets.http.secrets import Secret


class InvalidTokenError(ValueError):
    """A variable holds something that cannot be a token; the text does not show it."""


def check_token(value: str, variable: str) -> str:
    """Return a token once it is known to fit into an HTTP header.

    Raises:
        InvalidTokenError: It holds white space, a control character or one beyond ASCII.
    """
    # A library would show a token with a line break in the text of its error.
    if not re.fullmatch(r"[\x21-\x7e]+", value):
        raise InvalidTokenError(
            f"{variable} holds a character that no token has (white space, a line break, a "
            "control or a non-ASCII character): set it again, without that"
        )
    return value


class TokenAuth(requests.auth.AuthBase):
    """Sends a token as `Authorization`; while it lives, no text shows the token.

    Args:
        token: Sent as it is, once `check_token` has passed it.
        scheme: What to send before it, such as `Bearer`.
    """

    def __init__(self, token: str, scheme: str = "") -> None:
        self._token = Secret(token)
        self._scheme = scheme

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        request.headers["Authorization"] = f"{self._scheme} {self._token.value}".strip()
        return request


def token_from_environment(variable: str, scheme: str = "") -> TokenAuth | None:
    """Read the token that a variable holds right now; None if it is not set.

    Raises:
        InvalidTokenError: It holds something else.
    """
    value = settings.variable(variable)
    return TokenAuth(check_token(value, variable), scheme) if value else None
