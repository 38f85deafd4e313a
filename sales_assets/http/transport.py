"""One request and its complete response: what goes over the wire, and what may come back.

Each connection carries one request and is then closed, so that unsolicited data from a server
cannot pass for the next response. Sizes are bounded. There are no cookies, redirects or `.netrc`;
proxies and certificates come from the environment, but loopback never goes through a proxy.
"""

import http.client
import logging
import ssl
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import BaseModel, Field

from sales_assets import settings
from sales_assets.http.address import is_loopback
from sales_assets.http.answer import HttpAnswer, unpacked
from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.secrets import redacted

# The standard library's 100 are too few for some gateways; the limit per line still applies.
http.client._MAXHEADERS = 1000  # type: ignore[attr-defined]

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
_CHUNK = _LARGEST_ERROR = 1 << 16
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
    """Sends requests to one API; safe to share between threads."""

    def __init__(self, address: str, auth: requests.auth.AuthBase | None, limits: Limits) -> None:
        proxy = _proxy_for(address)
        self._session = _Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.trust_env = False
        self._session.proxies = {"http": proxy, "https": proxy}
        self._session.mount(f"{urlsplit(address).scheme}://", _Adapter(address, proxy))
        self._prepared = requests.Request("GET", address, headers=_HEADERS).prepare()
        self._auth = auth
        self._limits = limits

    def ask(self, address: str, json: object) -> HttpAnswer:
        """Send a request and read the response, as long as the server keeps sending.

        Of the response to a POST, of `json`, only the status is read.

        Raises:
            TransientHttpError: The response is incomplete, or has a transient status.
            HttpError: The response is too large, malformed or compressed in an unknown way.
        """
        # Copy a prepared request: preparing a new one takes as long as sending it.
        request = self._prepared.copy()
        request.url = requests.utils.requote_uri(address)
        if self._auth:
            request = self._auth(request)
        if json is not None:
            request.method = "POST"
            request.prepare_body(None, None, json)
        timeouts = self._limits.connect_timeout, self._limits.read_timeout
        reason = ""
        try:
            with self._session.send(
                request, stream=True, timeout=timeouts, allow_redirects=False
            ) as response:
                answer = self._read(response, address)
        # Those of requests are OSErrors; http.client raises a ValueError for the chunk size -1.
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            reason = self._in_words(error)
        if reason:
            raise TransientHttpError(address, reason, slow_down=True)
        if answer.is_transient:
            raise answer.transient_error()
        return answer

    def _read(self, response: requests.Response, address: str) -> HttpAnswer:
        raw: Any = response.raw
        # Without its pool, urllib3 closes the connection instead of using it again.
        raw._pool = None
        answer = HttpAnswer(response.status_code, response.reason or "", response.headers, address)
        # As requests does for cookies: nothing else keeps the headers that could not be parsed.
        message: http.client.HTTPMessage = raw._original_response.msg
        if message.defects:
            line = str(message.get_payload()).partition("\n")[0] or str(message.defects[0])
            raise answer.error(f"the response has a malformed header: {line.strip()}")
        if response.request.method == "POST":
            return answer
        most = self._limits.max_page_bytes if answer.status == 200 else _LARGEST_ERROR
        body = bytearray()
        while len(body) <= most and (chunk := raw.read(_CHUNK, decode_content=False)):
            body += chunk
        if answer.status == 200:
            return unpacked(answer, bytes(body), most)
        with suppress(HttpError):
            answer = unpacked(answer, bytes(body[:most]), most)
        return answer

    def _in_words(self, error: Exception) -> str:
        """Return why there is no response; a library's own error text names its objects."""
        if isinstance(error, requests.RequestException) and error.args:
            cause = getattr(error.args[0], "reason", error.args[0])
            error = cause if isinstance(cause, Exception) else error
        match error:
            case urllib3.exceptions.ReadTimeoutError():
                return f"no byte received within {self._limits.read_timeout:g} s"
            case urllib3.exceptions.ProxyError():
                return f"no response through the proxy ({self._in_words(error.original_error)})"
            case urllib3.exceptions.NewConnectionError() | urllib3.exceptions.NameResolutionError():
                # The system's message, such as "Connection refused", without its number.
                cause = error.__cause__
                return f"no connection ({getattr(cause, 'strerror', None) or cause})"
            # The base class of those above.
            case urllib3.exceptions.ConnectTimeoutError():
                return f"no connection within {self._limits.connect_timeout:g} s"
            case urllib3.exceptions.ProtocolError() if isinstance(error.args[-1], Exception):
                return f"no complete response ({error.args[-1]})"
            case _:
                return f"{type(error).__name__}: {error}"


class _Session(requests.Session):
    """A session that follows no redirect."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: requests reads a redirect's whole body even when it does not follow it."""


class _Adapter(requests.adapters.HTTPAdapter):
    """The connections to one server; they share the certificates, which are slow to load."""

    def __init__(self, address: str, proxy: str) -> None:
        super().__init__()
        is_secure = "https" in (urlsplit(address).scheme, urlsplit(proxy).scheme)
        tls = _trusted(address) if is_secure else None
        manager = urllib3.PoolManager(ssl_context=tls)
        if proxy:
            manager = self.proxy_manager_for(proxy, ssl_context=tls, proxy_ssl_context=tls)
        self._pool = manager.connection_from_url(address)

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> urllib3.HTTPConnectionPool:
        """Return the connections, which all go to the same server."""
        return self._pool

    def cert_verify(self, *_: Any) -> None:
        """Do nothing: the SSL context verifies certificates."""


def _proxy_for(address: str) -> str:
    """Return the proxy that the environment names for an address; empty if there is none."""
    proxies = requests.utils.get_environ_proxies(address)
    proxy = requests.utils.select_proxy(address, proxies)
    # No proxy can reach this machine's loopback.
    if not proxy or is_loopback(urlsplit(address).hostname or ""):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    # Without the context of an error: its text may show a password.
    with suppress(ValueError):
        parts = urllib3.util.parse_url(proxy)
        if parts.scheme in ("http", "https") and parts.host:
            return proxy
    raise HttpError(
        address,
        "the proxy in the environment is not of the form http://[user:password@]host[:port] "
        "(in passwords, write %2F for /, and so on): correct or unset https_proxy and the like",
    )


def _trusted(address: str) -> ssl.SSLContext:
    """Load the trusted certificates: those that the environment names, or those of requests."""
    context = urllib3.util.create_urllib3_context()
    name = next(filter(settings.variable, CA_VARIABLES), "")
    path = settings.variable(name) or requests.utils.DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
    except OSError as error:
        problem = error.strerror or "no certificates"
        raise HttpError(
            address,
            f"{name} is {path!r}, which has no certificates ({problem}): correct or unset it",
        ) from None
    return context


def _redact(record: logging.LogRecord) -> bool:
    """Redact secrets in a library's log: paths, reasons, headers that it cannot parse."""
    record.msg, record.args, record.exc_info = redacted(record.getMessage()), None, None
    return True


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_redact)
