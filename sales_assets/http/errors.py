"""What can go wrong with a request.

The texts contain no secret of this process and no control character. They are not chained to a
library's error, whose text may contain either: Dagster records the whole chain.
"""

import dagster as dg

from sales_assets.http.secrets import shown

_LONGEST_REASON = 500
_LONGEST_ADDRESS = 2000


class HttpError(Exception):
    """A request to an `address` failed for a `reason`, and a retry would not help."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = printable(shown(address, _LONGEST_ADDRESS))
        self.reason = printable(shown(reason, _LONGEST_REASON))
        super().__init__(f"{self.address}: {self.reason}")


class TransientHttpError(HttpError):
    """A request failed, but a retry may succeed.

    Attributes:
        retry_after: Seconds that the server asked to wait; None if it did not.
        slow_down: Whether the server reported overload, or did not respond.
        attempts: The number of failed attempts once the client has given up; 0 before.
    """

    def __init__(
        self, address: str, reason: str, retry_after: float | None = None, slow_down: bool = False
    ) -> None:
        super().__init__(address, reason)
        self.retry_after = retry_after
        self.slow_down = slow_down
        self.attempts = 0


class ApiError(dg.Failure):
    """An API is misconfigured, or rejects the token; the text names the setting."""


def printable(text: str) -> str:
    """Escape control characters and the like, so that none of them reaches a terminal."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
