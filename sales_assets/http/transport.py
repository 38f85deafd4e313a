"""One request and its whole answer: what goes over the wire, and what may come back.

One deadline from looking up the host to the last byte, a largest size, no redirects, no cookies, no
decoding; the proxies and certificates that the environment names, but none for this machine itself.
Whether to ask again is not decided here.
"""

import logging
import threading
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
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
from sales_assets.http.secrets import redacted, shown
from sales_assets.http.tokens import TokenAuth

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
        reason: What the server calls it, without secrets and cut to a few words; empty for 200.
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


class Transport:
    """Sends requests to one address; safe to share between threads."""

    def __init__(
        self,
        address: str,
        auth: TokenAuth | None,
        *,
        connect_timeout: float,
        read_timeout: float,
        request_timeout: float,
        max_bytes: int,
        connections: int,
    ) -> None:
        """Open nothing yet.

        Args:
            address: Where all that is asked for lies.
            auth: Signs each request.
            connect_timeout: Seconds to open a connection.
            read_timeout: Seconds without a byte received.
            request_timeout: Seconds from looking up the host to the last byte of the answer.
            max_bytes: The largest answer that is taken.
            connections: How many to keep.

        Raises:
            HttpError: The environment names a proxy that is not one for HTTP.
        """
        self._auth = auth
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._request_timeout = request_timeout
        self._max_bytes = max_bytes
        self._deadlines = Deadlines()
        self._closed = threading.Event()
        self._connections = _connections(address, connections)

    def close(self) -> None:
        """Close all connections; what is under way fails at once."""
        self._closed.set()
        self._deadlines.close()
        self._connections.clear()

    def ask(self, method: str, address: str, body: bytes | None, deadline: float) -> HttpAnswer:
        """Send a request and take the answer.

        Args:
            method: `GET` or `POST`.
            address: What is asked for, whole.
            body: JSON to send.
            deadline: On the clock of `time.monotonic`; the request takes no longer.

        Raises:
            TransientHttpError: There is no whole answer, or one with a status that may pass.
            HttpError: The answer is too large, or the transport was closed.
        """
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
            # That of a good answer is not worth the look for secrets.
            reason = shown(response.reason or "", 200) if response.status != 200 else ""
            answer = HttpAnswer(response.status, reason, b"", address)
            if method == "GET":
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
            return f"no connection ({_system_error(error.__cause__)})"
        # The parent of those before it.
        case urllib3.exceptions.ConnectTimeoutError():
            return "no connection in time"
        case _:
            return f"{type(error).__name__}: {error}"


def _system_error(error: BaseException | None) -> str:
    """Say it as the system does, such as "Connection refused", without its number."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _retry_after(response: urllib3.BaseHTTPResponse) -> float | None:
    """Seconds of pause that the server asks for, in either of the forms of RFC 9110, 10.2.3."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return urllib3.Retry().parse_retry_after(value)
    except (urllib3.exceptions.InvalidHeader, OverflowError, ValueError):
        return None
