"""How this project asks an HTTP API for something: patiently, and without leaking its token.

A session per thread, timeouts, retries with jittered backoff, `Retry-After`, no redirects. What is
asked, and what an answer means, belongs to the resources that use the client.
"""

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

import dagster as dg
import requests
import tenacity
import urllib3
from requests.auth import AuthBase

T = TypeVar("T")


class TransientHttpError(Exception):
    """An answer, or the lack of one, that the same request may well not meet again.

    Attributes:
        retry_after: Seconds for which the server asked to be left alone; None if it did not say.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Keep the reason, to be shown when the last attempt fails too."""
        super().__init__(reason)
        self.retry_after = retry_after


class TokenAuth(AuthBase):
    """Sends a bare token as `Authorization`.

    An `AuthBase` rather than a header, because requests lets an entry in `~/.netrc` replace a
    header (https://requests.readthedocs.io/en/latest/user/authentication/#netrc-authentication).
    """

    def __init__(self, token: str) -> None:
        """Hold the token; nothing of this object ever prints it."""
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign one request."""
        request.headers["Authorization"] = self._token
        return request


class HttpClient:
    """GET with retries; safe to share between threads."""

    def __init__(
        self,
        auth: AuthBase | None,
        *,
        timeout: tuple[float, float],
        max_attempts: int,
        backoff: float,
        retry_after_cap: float,
    ) -> None:
        """Describe the manners of the client; nothing is opened yet.

        Args:
            auth: Signs each request.
            timeout: Seconds to connect, and seconds to wait for more of an answer.
            max_attempts: How often a request is sent before the last reason is raised.
            backoff: Seconds of the first pause between attempts, on average; it doubles each time.
            retry_after_cap: Seconds beyond which a server's `Retry-After` is not followed.
        """
        self._auth = auth
        self._timeout = timeout
        self._retry_after_cap = retry_after_cap
        self._backoff = tenacity.wait_random_exponential(multiplier=2 * backoff, max=60)
        self._stop = tenacity.stop_after_attempt(max_attempts)
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def get(
        self, url: str, params: Mapping[str, str], accept: Callable[[requests.Response], T]
    ) -> T:
        """Ask until `accept` makes something of the answer.

        Args:
            url: Where to ask.
            params: The query.
            accept: Turns an answer into a value. It raises `TransientHttpError` for an answer that
                should be asked for again; what else it raises goes straight to the caller.

        Returns:
            What `accept` returned.

        Raises:
            TransientHttpError: The last attempt failed too.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientHttpError),
            stop=self._stop,
            wait=self._pause,
            before_sleep=_log_retry,
            reraise=True,
        )
        return retrying(lambda: accept(self._send(url, params)))

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    def _send(self, url: str, params: Mapping[str, str]) -> requests.Response:
        try:
            response = self._session().get(
                url, params=params, timeout=self._timeout, allow_redirects=False
            )
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
            requests.exceptions.ContentDecodingError,
        ) as error:
            raise TransientHttpError(f"{type(error).__name__}: {error}") from error
        if response.status_code == 429 or response.status_code >= 500:
            raise TransientHttpError(
                f"HTTP {response.status_code} {response.reason}", _retry_after(response)
            )
        return response

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.auth = self._auth
            # A compressed body that was cut short can pass for a whole one.
            session.headers["Accept-Encoding"] = "identity"
            self._local.session = session
            self._sessions.append(session)
        return session

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientHttpError) else None
        own = self._backoff(state)
        return own if asked is None else max(own, min(asked, self._retry_after_cap))


def is_base_address(address: str) -> bool:
    """Tell whether this is `http[s]://host[:port][/path]`, without a user name or password."""
    try:
        parts = urlsplit(address)
        # A port that is no number is only noticed when it is asked for.
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and parts.username is None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds of pause that the server asks for, in either of the forms of RFC 9110, 10.2.3."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return urllib3.Retry().parse_retry_after(value)
    except (urllib3.exceptions.InvalidHeader, OverflowError, ValueError):
        return None


def _log_retry(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    dg.get_dagster_logger(__name__).warning(
        "attempt %d failed (%s); the next one in %.1f s",
        state.attempt_number,
        error,
        state.upcoming_sleep,
    )
