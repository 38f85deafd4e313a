"""What can go wrong with a request.

    HttpError                   trying again is no use
      TransientHttpError        the same request may well succeed next time
    ApiError (dg.Failure)       an API cannot be used as it is set up: its address or its token
      ApiAuthError              the API refuses the token

Their texts hold no secret of this process and no control character, and they come without the error
of a library behind them, whose text may: Dagster records a chain of errors as a whole.
"""

import dagster as dg

from sales_assets.http.secrets import redacted, shown

_LONGEST_REASON = 500


class HttpError(Exception):
    """There is no response to a request, or one that is of no use; trying again would not help.

    Args:
        address: What was requested.
        reason: Why it failed.

    Attributes:
        address: What was requested.
        reason: Why it failed, without the address.
    """

    def __init__(self, address: str, reason: str) -> None:
        self.address = printable(redacted(address))
        self.reason = printable(shown(reason, _LONGEST_REASON))
        super().__init__(f"{self.address}: {self.reason}")


class TransientHttpError(HttpError):
    """A response, or the lack of one, that the same request may well not meet again.

    Args:
        address: What was requested.
        reason: Why it failed.
        retry_after: Seconds for which the server asked to be left alone; None if it did not say.
        slow_down: Whether the server may be overloaded: it said so, or did not respond.

    Attributes:
        attempts: How many attempts failed when the client gave up; 0 while it has not.
    """

    def __init__(
        self,
        address: str,
        reason: str,
        *,
        retry_after: float | None = None,
        slow_down: bool = False,
    ) -> None:
        super().__init__(address, reason)
        self.retry_after = retry_after
        self.slow_down = slow_down
        self.attempts = 0


class ApiError(dg.Failure):
    """An API cannot be called as it is set up; the text names the setting."""


class ApiAuthError(ApiError):
    """The API refuses the token."""


def printable(text: str) -> str:
    """Show control characters and the like as escapes, so that none of them reaches a terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
