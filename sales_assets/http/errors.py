"""What can go wrong with a request.

    HttpError                   no use asking again
      TransientHttpError        the same request may well be answered next time
    ApiError (dg.Failure)       an API resource cannot be used: its address or its token
      ApiAuthError              the API refuses its token

Their texts hold no secret of this process, and they come without the error of a library behind
them, whose text may: Dagster records a chain of errors as a whole.
"""

import dagster as dg

from sales_assets.http.secrets import redacted, shown

_LONGEST_REASON = 500


class HttpError(Exception):
    """There is no answer to a request, or one that is of no use; asking again would not help.

    Attributes:
        address: What was asked for.
        reason: Why, without the address.
    """

    def __init__(self, address: str, reason: str) -> None:
        """Say what was asked for, and why it failed; secrets are struck out."""
        self.address = redacted(address)
        self.reason = shown(reason, _LONGEST_REASON)
        super().__init__(f"{self.address}: {self.reason}")


class TransientHttpError(HttpError):
    """An answer, or the lack of one, that the same request may well not meet again.

    Attributes:
        retry_after: Seconds for which the server asked to be left alone; None if it did not say.
        slow_down: Whether the server may be overloaded: it said so, or gave no answer.
    """

    def __init__(
        self,
        address: str,
        reason: str,
        *,
        retry_after: float | None = None,
        slow_down: bool = False,
    ) -> None:
        """Say what was asked for, and why it failed this time."""
        super().__init__(address, reason)
        self.retry_after = retry_after
        self.slow_down = slow_down


class ApiError(dg.Failure):
    """An API cannot be asked as it is set up; the text names the setting."""


class ApiAuthError(ApiError):
    """The API refuses the token."""
