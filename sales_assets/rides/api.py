"""The rides API as a Dagster resource: it is polled, and answers one ride at a time.

`GET /ride` gives a new ride at each call, so an answer that is none is not asked for again: it is
handed over as what it is, and the next call gets the next ride. Where rides are kept is not known
here, and what a ride is says `ride_record`.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg
import requests
from pydantic import Field, PrivateAttr
from typing_extensions import Self

from sales_assets.http.client import HttpAnswer, HttpClient, TransientHttpError, is_base_address
from sales_assets.rides.ride import InvalidRideError, RideAnswer, read_ride


class RidesApiError(dg.Failure):
    """The rides API cannot be asked."""


class NoRide(NamedTuple):
    """What came instead of a ride.

    Attributes:
        reason: What was wrong, for a person to read.
        retry_after: Seconds for which the server asked to be left alone; None if it did not say.
    """

    reason: str
    retry_after: float | None = None


class RidesApi(dg.ConfigurableResource[Any]):
    """Client of the rides API, which needs no token."""

    url: str = Field(description="Base address, such as https://rides.example.com.")
    connect_timeout: float = Field(default=5, gt=0, description="Seconds to open a connection.")
    read_timeout: float = Field(default=10, gt=0, description="Seconds without a byte received.")
    request_timeout: float = Field(default=30, gt=0, description="Seconds for a whole answer.")
    backoff: float = Field(
        default=0.5, ge=0, description="Least pause in seconds after an answer that is no ride."
    )
    retry_after_cap: float = Field(
        default=120, ge=0, description="Longest Retry-After, in seconds, that is honoured."
    )

    _client: HttpClient = PrivateAttr()
    _address: str = PrivateAttr()

    @contextmanager
    def open(self, run_id: str | None = None) -> Iterator[Self]:
        """Get ready to ask, without asking yet, and close all connections in the end.

        Args:
            run_id: The Dagster run that asks, if it is one.

        Raises:
            RidesApiError: The address is none.
        """
        self._connect(self.url)
        try:
            yield self
        finally:
            self._client.close()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Self]:
        """Be open for the length of a run."""
        with self.open(context.run.run_id if context.run else None) as api:
            yield api

    @property
    def source(self) -> str:
        """Where the rides come from, for a person to read."""
        return self._address

    def rides(
        self,
        interval: float,
        polls: int | None = None,
        seconds: float | None = None,
        pause: Callable[[float], bool | None] = time.sleep,
    ) -> Iterator[RideAnswer | NoRide]:
        """Poll for rides: each is asked for only when the one before it has been dealt with.

        Args:
            interval: Seconds between an answer and the next call. After an answer that is no ride
                the pause is `backoff` at least, and what the server asks for in `Retry-After`.
            polls: After how many calls to end; never, unless given.
            seconds: After how long to make no further call; never, unless given.
            pause: Waits for some seconds. If it returns true, no further call is made.

        Yields:
            A ride, or what came instead.
        """
        end = None if seconds is None else time.monotonic() + seconds
        for number in itertools.count(1):
            answer = self._ask()
            yield answer
            wait = interval
            if isinstance(answer, NoRide):
                asked = min(answer.retry_after or 0, self.retry_after_cap)
                wait = max(interval, self.backoff, asked)
            if number == polls or (end is not None and time.monotonic() + wait >= end):
                return
            if pause(wait):
                return

    def _connect(self, address: str) -> None:
        if not is_base_address(address):
            raise RidesApiError(
                "RIDES_API_URL is not an address of the form https://host[/path] without a user "
                "name or password in it"
            )
        self._address = address.rstrip("/")
        self._client = HttpClient(
            None,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            request_timeout=self.request_timeout,
            # Asking again is what polling does, in the open: each answer is counted.
            max_attempts=1,
            backoff=self.backoff,
            retry_after_cap=self.retry_after_cap,
        )

    def _ask(self) -> RideAnswer | NoRide:
        try:
            return self._client.get(f"{self._address}/ride", {}, _read_answer)
        except TransientHttpError as error:
            return NoRide(str(error), error.retry_after)
        except requests.RequestException as error:
            return NoRide(f"{type(error).__name__}: {error}")


def _read_answer(answer: HttpAnswer) -> RideAnswer | NoRide:
    if answer.status != 200:
        return NoRide(f"HTTP {answer.status} {answer.reason}")
    try:
        return read_ride(answer.body)
    except InvalidRideError as error:
        return NoRide(f"HTTP 200, but no whole ride: {error}")
