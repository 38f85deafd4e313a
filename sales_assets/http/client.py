"""How this project asks an HTTP API for something: patiently, and without leaking a token.

One pool of connections for all threads, one deadline for each request, retries with jittered
backoff, `Retry-After`, no redirects, no cookies, whole answers of a bounded size only. What is
asked, and what an answer means, belongs to those who use the client.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import dagster as dg
import requests
import tenacity
import urllib3
from requests.utils import (
    DEFAULT_CA_BUNDLE_PATH,
    get_auth_from_url,
    prepend_scheme_if_needed,
    select_proxy,
)

from sales_assets.http.address import is_loopback
from sales_assets.http.deadline import Deadlines, Request, WatchedPool, WatchedTlsPool
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.pace import NoTurnError, Pace
from sales_assets.http.secrets import redacted, shown
from sales_assets.http.tokens import TokenAuth

T = TypeVar("T")

_CHUNK = 1 << 16
_LARGEST_ERROR = 1 << 16
"""Bytes of the body of an answer other than 200, beyond which it is not read."""
_CODINGS = {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"}
"""Those of https://www.iana.org/assignments/http-parameters; other names mean nothing."""
_TRANSIENT = {408, 425, 429}


class _Redacting(logging.Filter):
    """Strikes secrets out of what a library logs: paths, reasons, headers that it cannot parse."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args, record.exc_info = redacted(record.getMessage()), None, None
        return True


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Redacting())


class HttpAnswer(NamedTuple):
    """A whole answer, with a status that asking again would not change.

    Attributes:
        status: The status code.
        reason: What the server calls it, without secrets and cut to a few words.
        body: The bytes, as they came.
        address: What was asked for.
    """

    status: int
    reason: str
    body: bytes
    address: str

    def error(self, reason: str = "") -> HttpError:
        """Say that this answer is of no use."""
        return HttpError(self.address, reason or f"HTTP {self.status} {self.reason}".rstrip())

    def transient_error(self, reason: str) -> TransientHttpError:
        """Say that this answer is of no use, but the next one may well be."""
        return TransientHttpError(self.address, reason)


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
        self._auth = auth
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._request_timeout = request_timeout
        self._max_attempts = max_attempts
        self._retry_after_cap = retry_after_cap
        self._backoff = tenacity.wait_random_exponential(multiplier=2 * backoff, max=60)
        self._max_bytes = max_bytes
        self._pace = pace or Pace(1)
        self._deadlines = Deadlines()
        self._closed = threading.Event()
        self._connections = _connections(address, self._pace.ceiling)

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

        The other arguments, the value and the errors are those of `get`.
        """
        return self._until_accepted(
            lambda: accept(self._ask("POST", self._address, body, deadline)), deadline, on_retry
        )

    def close(self) -> None:
        """Close all connections; what is under way or waits for its turn fails at once."""
        self._closed.set()
        self._pace.close()
        self._deadlines.close()
        self._connections.clear()

    def _until_accepted(
        self, attempt: Callable[[], T], deadline: float, on_retry: Callable[[], object]
    ) -> T:
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
                    return self._ask_now(method, address, body, deadline)
                except TransientHttpError as error:
                    slot.refused, slot.retry_after = error.slow_down, error.retry_after
                    raise
        except NoTurnError:
            late = not self._closed.is_set()
        if late:
            raise TransientHttpError(address, "its turn did not come before the deadline")
        raise HttpError(address, "not asked for, since the client is closed")

    def _ask_now(
        self, method: str, address: str, body: bytes | None, deadline: float
    ) -> HttpAnswer:
        end = min(deadline, time.monotonic() + self._request_timeout)
        with self._deadlines.until(end) as request:
            try:
                answer, retry_after = self._answer(request, method, address, body)
                reason = ""
            except (urllib3.exceptions.HTTPError, OSError) as error:
                reason = _in_words(error)
        if self._closed.is_set():
            raise HttpError(address, "given up, since the client was closed")
        if request.is_cut:
            # Also where all seems well: a cut connection looks like the end of an answer.
            reason = f"no whole answer within {end - request.start:.3g} s"
        if reason:
            raise TransientHttpError(address, reason, slow_down=True)
        if answer.status in _TRANSIENT or answer.status >= 500:
            raise TransientHttpError(
                address,
                f"HTTP {answer.status} {answer.reason}".rstrip(),
                retry_after=retry_after,
                slow_down=answer.status in (429, 503),
            )
        return answer

    def _answer(
        self, request: Request, method: str, address: str, body: bytes | None
    ) -> tuple[HttpAnswer, float | None]:
        """Give the answer, and for how many seconds the server asks to be left alone.

        Raises:
            urllib3.exceptions.HTTPError, OSError: There is none, or not a whole one.
            HttpError: It is too large.
        """
        left = max(0.001, request.end - time.monotonic())
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "sales_assets"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._auth is not None:
            headers |= self._auth.headers()
        response = self._connections.urlopen(
            method,
            address,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(
                connect=min(self._connect_timeout, left), read=min(self._read_timeout, left)
            ),
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        whole = False
        try:
            reason = shown(response.reason or "", 200)
            answer = HttpAnswer(response.status, reason, b"", address)
            answer = answer._replace(body=self._body(response, answer))
            whole = True
        finally:
            if whole:
                response.release_conn()
            else:
                response.close()
        return answer, _retry_after(response)

    def _body(self, response: urllib3.BaseHTTPResponse, answer: HttpAnswer) -> bytes:
        """Read the body as it arrives, as far as it is of use.

        Raises:
            TransientHttpError: It is compressed, though that was not asked for (zlib takes a stream
                that was cut short for a whole one).
            HttpError: It is too large.
        """
        most = self._max_bytes if answer.status == 200 else _LARGEST_ERROR
        codings = response.headers.get("Content-Encoding", "").lower().split(",")
        if answer.status == 200 and _CODINGS.intersection(map(str.strip, codings)):
            raise answer.transient_error("the answer is compressed, though that was not asked for")
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > most:
                if answer.status != 200:
                    response.close()
                    return bytes(body[:most])
                raise answer.error(f"the answer has more than {most} bytes (max_page_bytes)")
        return bytes(body)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, TransientHttpError) else None
        own = self._backoff(state)
        return own if asked is None else max(own, min(asked, self._retry_after_cap))


def _connections(address: str, most: int) -> urllib3.PoolManager:
    """Open nothing yet; find the proxy and the certificates that the environment names.

    Raises:
        HttpError: The proxy is not one for HTTP.
    """
    environment: dict[str, Any] = dict(
        requests.Session().merge_environment_settings(address, {}, False, None, None)
    )
    trusted = environment["verify"]
    options: dict[str, Any] = {
        "maxsize": most,
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": trusted if isinstance(trusted, str) else DEFAULT_CA_BUNDLE_PATH,
    }
    # What this machine itself serves, no proxy can reach.
    local = is_loopback(urlsplit(address).hostname or "")
    proxy = None if local else select_proxy(address, environment["proxies"])
    manager: urllib3.PoolManager
    if proxy:
        proxy = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        user, password = get_auth_from_url(proxy)
        signed = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
        if urlsplit(proxy).scheme not in ("http", "https"):
            raise HttpError(address, "the proxy that the environment names is not one for HTTP")
        manager = urllib3.ProxyManager(proxy, proxy_headers=signed, **options)
    else:
        manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": WatchedPool, "https": WatchedTlsPool}
    return manager


def _in_words(error: Exception) -> str:
    """Say what kept an answer from coming; the text of a library's error names its objects."""
    match error:
        case urllib3.exceptions.ReadTimeoutError():
            return "no byte received in time"
        case urllib3.exceptions.ProxyError():
            return f"no answer through the proxy ({_in_words(error.original_error)})"
        case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.NameResolutionError():
            return f"no connection ({type(error.__cause__).__name__}: {error.__cause__})"
        # The parent of those before it.
        case urllib3.exceptions.ConnectTimeoutError():
            return "no connection in time"
        case _:
            return f"{type(error).__name__}: {error}"


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
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
