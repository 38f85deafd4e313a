"""The rides API as a Dagster resource: it is polled, and returns one ride at a time.

`GET /ride` returns a new ride at each call, so a response without a ride is not requested again:
its error is passed on, and the next call gets the next ride. `ride` defines a valid ride.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator

from pydantic import Field

from sales_assets.http.client import HttpAnswer, Question
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.resource import HttpApi
from sales_assets.rides.ride import InvalidRideError, RideAnswer, read_ride


class RidesApi(HttpApi):
    """Client for the rides API, which needs no token."""

    title = "rides API"
    address_variable = "RIDES_API_URL"
    has_sample = True

    read_timeout: float = Field(
        default=10, gt=0, description="Maximum seconds without receiving a byte."
    )
    request_timeout: float = Field(
        default=30, gt=0, description="Maximum seconds for a request and its whole response."
    )
    # Polling retries in the open: each response is counted.
    max_attempts: int = Field(default=1, ge=1, description="Maximum attempts per ride.")
    max_in_flight: int = Field(default=1, ge=1, description="Maximum concurrent requests.")
    backoff: float = Field(
        default=0.5, ge=0, description="Minimum pause in seconds after a response without a ride."
    )

    def rides(
        self,
        interval: float,
        polls: int | None = None,
        seconds: float | None = None,
        pause: Callable[[float], bool | None] = time.sleep,
    ) -> Iterator[RideAnswer | HttpError]:
        """Poll for rides; each call is made when the next result is wanted.

        Args:
            interval: Seconds between a response and the next call. After a response without a ride,
                the pause is at least `backoff`, and what the server requests in `Retry-After`.
            polls: Number of calls after which to end.
            seconds: Seconds after which no further call is made.
            pause: Waits for some seconds. If it returns true, no further call is made.
        """
        end = time.monotonic() + (math.inf if seconds is None else seconds)
        for number in itertools.count(1):
            answer: RideAnswer | HttpError
            wait = interval
            try:
                answer = Question(self._client, "/ride", {}, self._read_answer).result()
            except HttpError as error:
                answer = error
                wait = max(interval, self.backoff)
                if isinstance(error, TransientHttpError):
                    wait = max(wait, min(error.retry_after or 0, self.retry_after_cap))
            yield answer
            if number == polls or time.monotonic() + wait >= end or pause(wait):
                return

    def _read_answer(self, answer: HttpAnswer) -> RideAnswer:
        if answer.status != 200:
            raise self.refusal(answer)
        try:
            return read_ride(answer.body)
        except InvalidRideError as error:
            raise answer.error(f"HTTP 200, but not a complete ride: {error}") from None
