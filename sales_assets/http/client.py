"""How this project asks an HTTP API for something: patiently, and at its pace.

Retries with jittered backoff, `Retry-After`, a deadline over all attempts. What is asked, and what
an answer means, belongs to those who use the client.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import dagster as dg
import tenacity

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.pace import NoTurnError, Pace
from sales_assets.http.tokens import TokenAuth
from sales_assets.http.transport import HttpAnswer, Transport

__all__ = ["HttpAnswer", "HttpClient"]

T = TypeVar("T")


class HttpClient:
    """Asks one API; safe to share between threads."""

    def __init__(
        self,
        address: str,
        auth: TokenAuth | None = None,
        *,
        connect_timeout: float,
        read_timeout: float,
        request_timeout: float,
        max_attempts: int,
        backoff: float,
        retry_after_cap: float,
        max_bytes: int,
        pace: Pace | None = None,
    ) -> None:
        """Describe the manners of the client; nothing is opened yet.

        Args:
            address: The base of all that is asked for.
            auth: Signs each request.
            connect_timeout: Seconds to open a connection.
            read_timeout: Seconds without a byte received.
            request_timeout: Seconds from looking up the host to the last byte of the answer.
            max_attempts: How often a request is sent before the last reason is raised.
            backoff: Seconds of the first pause between attempts, on average; it doubles each time.
            retry_after_cap: Seconds beyond which a server's `Retry-After` is not followed.
            max_bytes: The largest answer that is taken.
            pace: Lets requests through; one after the other, unless given.

        Raises:
            HttpError: The environment names a proxy that is not one for HTTP.
        """
        self._address = address
        self._max_attempts = max_attempts
        self._retry_after_cap = retry_after_cap
        self._backoff = tenacity.wait_random_exponential(multiplier=2 * backoff, max=60)
        self._pace = pace or Pace(1)
        self._closed = threading.Event()
        self._transport = Transport(
            address,
            auth,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            request_timeout=request_timeout,
            max_bytes=max_bytes,
            connections=self._pace.ceiling,
        )

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        accept: Callable[[HttpAnswer], T],
        *,
        deadline: float = float("inf"),
        on_retry: Callable[[], object] = lambda: None,
    ) -> T:
        """Ask until `accept` makes something of the answer.

        Args:
            path: Where to ask, below the address of the client; or a whole address there, such as
                the API may give for the page after this one.
            params: The query.
            accept: Turns an answer into a value. It raises `TransientHttpError` for an answer that
                should be asked for again; what else it raises goes straight to the caller.
            deadline: On the clock of `time.monotonic`; no attempt lasts longer or begins later.
            on_retry: Called before each further attempt.

        Returns:
            What `accept` returned.

        Raises:
            TransientHttpError: The last attempt, or the last before the deadline, failed too.
            HttpError: There cannot be an answer, or none that is taken.
        """
        address = self._whole(path)
        if params:
            address += f"{'&' if '?' in address else '?'}{urlencode(params)}"
        return self._until_accepted(
            lambda: accept(self._ask("GET", address, None, deadline)), deadline, on_retry
        )

    def post(
        self,
        body: bytes,
        accept: Callable[[HttpAnswer], T],
        *,
        deadline: float = float("inf"),
        on_retry: Callable[[], object] = lambda: None,
    ) -> T:
        """Post JSON to the address of the client until `accept` makes something of the answer.

        The status alone decides: the body of the answer is not read. The other arguments, the value
        and the errors are those of `get`.
        """
        return self._until_accepted(
            lambda: accept(self._ask("POST", self._address, body, deadline)), deadline, on_retry
        )

    def close(self) -> None:
        """Close all connections; what is under way or waits for its turn fails at once."""
        self._closed.set()
        self._pace.close()
        self._transport.close()

    def _until_accepted(
        self, attempt: Callable[[], T], deadline: float, on_retry: Callable[[], object]
    ) -> T:
        def before_sleep(state: tenacity.RetryCallState) -> None:
            self._log_retry(state)
            on_retry()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientHttpError),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._max_attempts),
                tenacity.stop_before_delay(deadline - time.monotonic()),
            ),
            wait=self._pause,
            before_sleep=before_sleep,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _sleep(self, seconds: float) -> None:
        self._closed.wait(seconds)

    def _whole(self, path: str) -> str:
        """Give the address of a path.

        Raises:
            HttpError: It is an address elsewhere, which shall not get to see the token.
        """
        if "://" not in path:
            return f"{self._address}{path}"
        there, here = urlsplit(path), urlsplit(self._address)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise HttpError(path, f"is not at {self._address}, and is not asked for")
        return path

    def _ask(self, method: str, address: str, body: bytes | None, deadline: float) -> HttpAnswer:
        try:
            with self._pace.slot(deadline) as slot:
                try:
                    return self._transport.ask(method, address, body, deadline)
                except TransientHttpError as error:
                    slot.refused, slot.retry_after = error.slow_down, error.retry_after
                    raise
        except NoTurnError:
            late = not self._closed.is_set()
        if late:
            raise TransientHttpError(address, "its turn did not come before the deadline")
        raise HttpError(address, "not asked for, since the client is closed")

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientHttpError) else None
        own = self._backoff(state)
        return own if asked is None else max(own, min(asked, self._retry_after_cap))

    def _log_retry(self, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        dg.get_dagster_logger(__name__).warning(
            "%s; attempt %d of %d, the next one in %.1f s",
            error,
            state.attempt_number,
            self._max_attempts,
            state.upcoming_sleep,
        )
