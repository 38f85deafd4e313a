"""How this project asks an HTTP API for something: patiently, and without leaking its token.

A session per thread and URL, timeouts and deadlines, retries with jittered backoff, `Retry-After`,
no redirects, whole bodies only. What is asked, and what an answer means, belongs to the resources
that use the client.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import dagster as dg
import requests
import tenacity
import urllib3
from requests.auth import AuthBase

T = TypeVar("T")

_CHUNK = 1 << 16


class HttpAnswer(NamedTuple):
    """A whole answer, with a status that is neither 429 nor a server error."""

    status: int
    reason: str
    body: bytes


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


class _Endpoint(NamedTuple):
    """What all requests of a thread to one URL share; they differ in their queries alone."""

    session: requests.Session
    request: requests.PreparedRequest
    settings: dict[str, Any]


class HttpClient:
    """GET with retries; safe to share between threads."""

    def __init__(
        self,
        auth: AuthBase | None,
        *,
        connect_timeout: float,
        read_timeout: float,
        request_timeout: float,
        max_attempts: int,
        backoff: float,
        retry_after_cap: float,
        max_per_second: float | None = None,
    ) -> None:
        """Describe the manners of the client; nothing is opened yet.

        Args:
            auth: Signs each request.
            connect_timeout: Seconds to open a connection.
            read_timeout: Seconds without a byte received.
            request_timeout: Seconds for the whole of an answer.
            max_attempts: How often a request is sent before the last reason is raised.
            backoff: Seconds of the first pause between attempts, on average; it doubles each time.
            retry_after_cap: Seconds beyond which a server's `Retry-After` is not followed.
            max_per_second: Requests that begin in a second, over all threads; None for any number.
        """
        self._auth = auth
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._request_timeout = request_timeout
        self._max_attempts = max_attempts
        self._retry_after_cap = retry_after_cap
        self._backoff = tenacity.wait_random_exponential(multiplier=2 * backoff, max=60)
        self._interval = 1 / max_per_second if max_per_second else 0.0
        self._next_start = 0.0
        self._lock = threading.Lock()
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        accept: Callable[[HttpAnswer], T],
        *,
        deadline: float = float("inf"),
        on_retry: Callable[[], object] = lambda: None,
    ) -> T:
        """Ask until `accept` makes something of the answer.

        Args:
            url: Where to ask.
            params: The query.
            accept: Turns an answer into a value. It raises `TransientHttpError` for an answer that
                should be asked for again; what else it raises goes straight to the caller.
            deadline: On the clock of `time.monotonic`; no attempt lasts longer or begins later.
            on_retry: Called before each further attempt.

        Returns:
            What `accept` returned.

        Raises:
            TransientHttpError: The last attempt, or the last before the deadline, failed too.
        """

        def before_sleep(state: tenacity.RetryCallState) -> None:
            _log_retry(state)
            on_retry()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TransientHttpError),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._max_attempts),
                tenacity.stop_before_delay(deadline - time.monotonic()),
            ),
            wait=self._pause,
            before_sleep=before_sleep,
            reraise=True,
        )
        return retrying(lambda: accept(self._ask(url, params, deadline)))

    def close(self) -> None:
        """Close the connections of all threads."""
        for session in self._sessions:
            session.close()
        self._sessions.clear()

    def _ask(self, url: str, params: Mapping[str, str], deadline: float) -> HttpAnswer:
        self._wait_for_turn()
        end = min(deadline, time.monotonic() + self._request_timeout)
        left = max(0.001, end - time.monotonic())
        timeout = (min(self._connect_timeout, left), min(self._read_timeout, left))
        try:
            session, template, settings = self._endpoint(url)
            request = template.copy()
            request.prepare_url(url, params)
            with session.send(
                request, timeout=timeout, allow_redirects=False, **settings
            ) as response:
                body = _read_body(response, end)
        except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
            raise TransientHttpError(f"{type(error).__name__}: {error}") from error
        if response.status_code == 429 or response.status_code >= 500:
            raise TransientHttpError(
                f"HTTP {response.status_code} {response.reason}", _retry_after(response)
            )
        return HttpAnswer(response.status_code, response.reason, body)

    def _wait_for_turn(self) -> None:
        if not self._interval:
            return
        with self._lock:
            start = max(self._next_start, time.monotonic())
            self._next_start = start + self._interval
        time.sleep(max(0.0, start - time.monotonic()))

    def _endpoint(self, url: str) -> _Endpoint:
        """Prepare a request once; what requests does for each one costs as much as sending it."""
        endpoint: _Endpoint | None = self._local.__dict__.get(url)
        if endpoint is None:
            session = requests.Session()
            # With no auth at all, requests would send what ~/.netrc has for the host.
            session.auth = self._auth or _unsigned
            session.headers["Accept-Encoding"] = "identity"
            request = session.prepare_request(requests.Request("GET", url))
            # Proxies and certificates of the environment.
            settings = dict(session.merge_environment_settings(url, {}, True, None, None))
            endpoint = self._local.__dict__[url] = _Endpoint(session, request, settings)
            self._sessions.append(session)
        return endpoint

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientHttpError) else None
        own = self._backoff(state)
        return own if asked is None else max(own, min(asked, self._retry_after_cap))


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def is_base_address(address: str) -> bool:
    """Tell whether this is `http[s]://host[:port][/path]`, without a user name or password."""
    try:
        parts = urlsplit(address)
        # A port that is no number is only noticed when it is asked for.
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and named and parts.username is None


def _read_body(response: requests.Response, end: float) -> bytes:
    """Read the body as it arrives, so that one that drips in cannot outlast the deadline.

    Raises:
        TransientHttpError: It is compressed, though that was not asked for (zlib takes a stream
            that was cut short for a whole one), or it took too long.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise TransientHttpError("the answer is compressed, though that was not asked for")
    body = bytearray()
    while chunk := response.raw.read1(_CHUNK):
        body += chunk
        if time.monotonic() > end:
            raise TransientHttpError(f"no end of the answer in time ({len(body)} bytes so far)")
    return bytes(body)


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
