"""One request and its complete response: what goes over the wire, and what may come back.

Each connection carries one request and is then closed, so that unsolicited data from a server
cannot pass for the next response. Sizes are bounded. There are no cookies, redirects or `.netrc`;
proxies and certificates come from the environment, but loopback never goes through a proxy. Retries
and the total time of a request are decided elsewhere.
"""

import http.client
import logging
import ssl
from dataclasses import replace
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import BaseModel, Field
from requests.adapters import HTTPAdapter
from requests.utils import requote_uri

from sales_assets.http.answer import LARGEST_ERROR, HttpAnswer, unpacked
from sales_assets.http.environment import proxy_for, trusted
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.secrets import redacted

# The standard library's 100 are too few for some gateways; the limit per line still applies.
http.client._MAXHEADERS = 1000  # type: ignore[attr-defined]

_CHUNK = 1 << 16
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Cache-Control": "no-cache",
    "Connection": "close",
    "User-Agent": "sales_assets",
}


class Limits(BaseModel):
    """Timeouts, retries and size limits of a client."""

    connect_timeout: float = Field(default=5, gt=0, description="Maximum seconds to connect.")
    read_timeout: float = Field(
        default=30, gt=0, description="Maximum seconds without receiving a byte."
    )
    request_timeout: float = Field(
        default=120, gt=0, description="Maximum seconds for a request and its whole response."
    )
    max_attempts: int = Field(default=6, ge=1, description="Maximum attempts per request.")
    backoff: float = Field(default=0.5, ge=0, description="Initial backoff in seconds; it doubles.")
    retry_after_cap: float = Field(default=120, ge=0, description="Maximum seconds of Retry-After.")
    max_page_bytes: int = Field(default=64 << 20, ge=1, description="Maximum bytes of a response.")
    max_in_flight: int = Field(
        default=32,
        ge=1,
        description="Maximum concurrent requests of a run. It starts with up to 8 and adapts to "
        "what the API handles well; 1 means one after the other.",
    )
    max_per_second: float | None = Field(
        default=None, gt=0, description="Maximum requests per second of a run."
    )


class Transport:
    """Sends requests to one address; safe to share between threads.

    Args:
        address: The base address of all requests.
        auth: Signs each request.
        limits: Only the connection timeouts and the response size are used.

    Raises:
        HttpError: The environment names a proxy that is not an HTTP proxy, or certificates that do
            not exist.
    """

    def __init__(self, address: str, auth: requests.auth.AuthBase | None, limits: Limits) -> None:
        proxy = proxy_for(address)
        schemes = {urlsplit(one).scheme for one in (address, proxy)}
        self._session = _Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(address, proxy, trusted(address) if "https" in schemes else None)
        self._session.mount(f"{urlsplit(address).scheme}://", adapter)
        # Prepared without the session, which would replace the token with that of .netrc.
        self._prepared = requests.Request("GET", address, headers=_HEADERS).prepare()
        self._auth = auth
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._timeouts = limits.connect_timeout, limits.read_timeout
        self._most = limits.max_page_bytes

    def ask(self, address: str, body: bytes | None) -> HttpAnswer:
        """Send a request and read the response, as long as the server keeps sending.

        Args:
            address: The whole address.
            body: JSON for a POST; None for a GET.

        Raises:
            TransientHttpError: The response is incomplete, or has a transient status.
            HttpError: The response is too large, malformed or compressed in an unknown way.
        """
        try:
            response = self._session.send(
                self._request(address, body),
                stream=True,
                timeout=self._timeouts,
                allow_redirects=False,
                proxies=self._proxies,
            )
            try:
                # For a POST, only the status matters.
                answer = self._read(response, address, whole=body is None)
            finally:
                response.close()
            reason = ""
        # Those of requests are OSErrors; http.client raises a ValueError for the chunk size -1.
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = _in_words(error, *self._timeouts)
        if reason:
            raise TransientHttpError(address, reason, slow_down=True)
        if answer.is_transient:
            raise answer.transient_error()
        return answer

    def _request(self, address: str, body: bytes | None) -> requests.PreparedRequest:
        # Copy a prepared request: preparing a new one takes as long as sending it.
        request = self._prepared.copy()
        request.url = requote_uri(address)
        if self._auth:
            request = self._auth(request)
        if body is not None:
            request.prepare_method("POST")
            request.headers["Content-Type"] = "application/json"
            request.prepare_body(body, None)
        return request

    def _read(self, response: requests.Response, address: str, *, whole: bool) -> HttpAnswer:
        """Read the body as it arrives, as far as it is useful."""
        answer = HttpAnswer(
            response.status_code, response.reason or "", response.headers, b"", address
        )
        # As requests does for cookies: nothing else keeps the headers that could not be parsed.
        message: http.client.HTTPMessage = response.raw._original_response.msg  # type: ignore[union-attr]
        if message.defects:
            line = str(message.get_payload()).partition("\n")[0] or str(message.defects[0])
            raise answer.error(f"the response has a malformed header: {line.strip()}")
        if not whole:
            return answer
        most = self._most if answer.status == 200 else LARGEST_ERROR
        body = bytearray()
        while chunk := response.raw.read(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > most:
                if answer.status == 200:
                    raise answer.too_large(most)
                break
        answer = replace(answer, body=bytes(body[:most]))
        try:
            return unpacked(answer, most)
        except HttpError:
            if answer.status == 200:
                raise
            return replace(answer, body=b"")


class _Session(requests.Session):
    """A session that follows no redirect."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests reads a redirect's whole body even when it does not follow it."""


class _Closing:
    """Closes each connection after its response instead of keeping it."""

    def _put_conn(self, conn: Any) -> None:
        if conn:
            conn.close()


class _PlainConnections(_Closing, urllib3.HTTPConnectionPool):
    """Connections to `http://`."""


class _TlsConnections(_Closing, urllib3.HTTPSConnectionPool):
    """Connections to `https://`."""


class _Adapter(HTTPAdapter):
    """The connections to one server; they share the certificates, which are slow to load."""

    def __init__(self, address: str, proxy: str, tls: ssl.SSLContext | None) -> None:
        super().__init__()
        manager: urllib3.PoolManager = (
            self.proxy_manager_for(proxy, ssl_context=tls, proxy_ssl_context=tls)
            if proxy
            else urllib3.PoolManager(ssl_context=tls)
        )
        manager.pool_classes_by_scheme = {"http": _PlainConnections, "https": _TlsConnections}
        self._pool = manager.connection_from_url(address)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPConnectionPool:
        """Return the connections, which all go to the same server."""
        return self._pool

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: the SSL context verifies certificates."""


class _Redacting(logging.Filter):
    """Redacts secrets in a library's log: paths, reasons, headers that it cannot parse."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args, record.exc_info = redacted(record.getMessage()), None, None
        return True


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_Redacting())


def _in_words(error: Exception, connect_timeout: float, read_timeout: float) -> str:
    """Return why there is no response; a library's own error text names its objects."""
    if isinstance(error, requests.RequestException) and error.args:
        cause = getattr(error.args[0], "reason", error.args[0])
        error = cause if isinstance(cause, Exception) else error
    match error:
        case urllib3.exceptions.ReadTimeoutError():
            return f"no byte received within {read_timeout:g} s"
        case urllib3.exceptions.ProxyError():
            reason = _in_words(error.original_error, connect_timeout, read_timeout)
            return f"no response through the proxy ({reason})"
        case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.NameResolutionError():
            return f"no connection ({_system_error(error.__cause__)})"
        # The base class of those above.
        case urllib3.exceptions.ConnectTimeoutError():
            return f"no connection within {connect_timeout:g} s"
        case urllib3.exceptions.ProtocolError() if isinstance(error.args[-1], Exception):
            return f"no complete response ({error.args[-1]})"
        case _:
            return f"{type(error).__name__}: {error}"


def _system_error(error: BaseException | None) -> str:
    """Return the system's message, such as "Connection refused", without its number."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
