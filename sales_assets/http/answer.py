"""A response: its decompressed body, whether a cache kept it, and when to retry.

This module reads only what is common to all HTTP APIs. Callers decide what a status means to them.
"""

import datetime
import email.utils
import math
import re
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.secrets import shown

LARGEST_ERROR = 1 << 16
"""Maximum number of bytes to read from the body of a response other than 200."""
_LONGEST_REASON = 200
_SLICE = 1 << 13
_UNIX_TIME = 1_000_000_000
"""From here on, a number of seconds is a Unix timestamp."""
_OF_CACHES = [
    "Age",
    "X-Cache",
    "X-Cache-Status",
    "X-Proxy-Cache",
    "Cache-Status",
    "CF-Cache-Status",
]
_KEPT = re.compile(
    r"age: .*[1-9]|[a-z-]*cache[a-z-]*: ((stale|updating)\b|.*(?<![a-z])(?<!refresh_)hit\b)",
    re.IGNORECASE,
)
_EXHAUSTED = re.compile(r"\b(?:remaining|r)=0\s*[;,]\s*(?:reset|t)=(\d+)", re.ASCII)
"""The reset of a limit in the header `RateLimit`, as older and newer drafts of the IETF have it."""
_GZIP_OR_ZLIB, _WITHOUT_HEADER = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
_UNPACKED = {"gzip", "x-gzip", "deflate"}
_OTHER_CODINGS = {"compress", "x-compress", "br", "zstd", "dcb", "dcz"}
"""From https://www.iana.org/assignments/http-parameters; other names are unknown."""


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response.

    Attributes:
        status: The status code.
        phrase: The server's reason phrase.
        headers: The headers; names are case-insensitive.
        body: The decompressed bytes; for an error, only as many as are useful.
        address: The requested address.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    address: str

    @property
    def said(self) -> str:
        """The status and reason phrase, with the beginning of an error's body."""
        status = f"HTTP {self.status} {self.phrase}".rstrip()
        # Far more than is shown, so that a secret is redacted before it is truncated.
        text = " ".join(self.body[:4096].decode(errors="backslashreplace").split())
        # A list of objects is not an error message, but somebody's rows.
        if self.status == 200 or not text or re.match(r"\[ ?\{", text):
            return status
        return f"{status}: {shown(text, _LONGEST_REASON)}"

    @property
    def cached(self) -> str:
        """The header that says that a cache has kept this response; empty if there is none."""
        found = (f"{name}: {self.headers[name]}" for name in _OF_CACHES if name in self.headers)
        return next(filter(_KEPT.match, found), "")

    @property
    def target(self) -> str:
        """The target address of a redirect; empty for any other response."""
        location = self.headers.get("Location", "")
        if self.status not in (301, 302, 303, 307, 308) or not location:
            return ""
        try:
            return urljoin(self.address, location)
        except ValueError:
            return location

    @property
    def is_limit(self) -> bool:
        """Whether a 4xx is a rate limit or the like rather than a refusal."""
        asks_to_wait = 400 <= self.status < 500 and self.status not in (401, 404)
        return (asks_to_wait and "Retry-After" in self.headers) or (
            self.status == 403 and self._remaining == "0"
        )

    @property
    def is_transient(self) -> bool:
        """Whether retrying the request may succeed."""
        return self.status in (408, 425, 429) or self.status >= 500 or self.is_limit

    @property
    def retry_after(self) -> float | None:
        """Whole seconds that the server asks to wait; None if it does not."""
        values = [self.headers.get("Retry-After", "")]
        if self.status == 429 or (self.status in (403, 503) and self._remaining in ("", "0")):
            values += [self._reset, *self._limits("Reset")]
        return next((wait for wait in map(_seconds, values) if wait is not None), None)

    @property
    def _remaining(self) -> str:
        return "0" if self._reset else next((one.strip() for one in self._limits("Remaining")), "")

    @property
    def _reset(self) -> str:
        return ",".join(_EXHAUSTED.findall(self.headers.get("RateLimit", "")))

    def _limits(self, what: str) -> list[str]:
        names = (f"{start}-{what}" for start in ("RateLimit", "X-RateLimit", "X-Rate-Limit"))
        return [self.headers[name] for name in names if name in self.headers]

    def error(self, reason: str = "") -> HttpError:
        """Return the error for an unusable response."""
        return HttpError(self.address, reason or self.said)

    def too_large(self, most: int) -> HttpError:
        """Return the error for a response of more than `most` bytes."""
        return self.error(f"the response has more than {most} bytes (max_page_bytes)")

    def transient_error(self, reason: str = "") -> TransientHttpError:
        """Return the error for an unusable response that is worth a retry."""
        return TransientHttpError(
            self.address,
            reason or self.said,
            retry_after=self.retry_after,
            slow_down=self.status in (403, 429, 503),
        )


def same_origin(one: str, other: str) -> bool:
    """Return whether two addresses have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", address, None
    return parts.scheme, parts.hostname, port


def _seconds(value: str) -> float | None:
    """Parse a pause: seconds, a Unix timestamp, or a date; rounded up, the longest of several."""
    now = time.time()
    found = [one for one in value.split(",") if re.fullmatch(r"\s*[0-9]{1,15}(\.[0-9]*)?\s*", one)]
    # Some APIs give a timestamp in milliseconds.
    numbers = [one if one < 1000 * _UNIX_TIME else one / 1000 for one in map(float, found)]
    if numbers:
        return float(math.ceil(max(one - now if one >= _UNIX_TIME else one for one in numbers)))
    for parse in (email.utils.parsedate_to_datetime, datetime.datetime.fromisoformat):
        with suppress(ValueError, OverflowError, TypeError):
            then = parse(value.strip().replace("Z", "+00:00"))
            then = then if then.tzinfo else then.replace(tzinfo=datetime.timezone.utc)
            return float(math.ceil(then.timestamp() - now))
    return None


def unpacked(answer: HttpAnswer, most: int) -> HttpAnswer:
    """Decompress a response, although no compression was requested.

    Args:
        answer: A response with its body as received.
        most: The maximum size of the body in bytes.

    Raises:
        TransientHttpError: The body is damaged or truncated.
        HttpError: It is larger, or its compression is not supported.
    """
    body = answer.body
    codings = answer.headers.get("Content-Encoding", "").lower().split(",")
    for coding in map(str.strip, reversed(codings)):
        if coding in _OTHER_CODINGS:
            raise answer.error(f"the response is compressed with {coding}, which was not requested")
        if coding not in _UNPACKED or not body:
            continue
        try:
            body = _inflated(body, coding, most)
        except zlib.error as error:
            raise answer.transient_error(
                f"the response is damaged or truncated ({coding}: {error})"
            ) from None
        if len(body) > most:
            raise answer.too_large(most)
    return replace(answer, body=body)


def _inflated(body: bytes, coding: str, most: int) -> bytes:
    try:
        return _streams(body, _GZIP_OR_ZLIB, most)
    except zlib.error:
        if coding != "deflate":
            raise
    # Many servers send this as "deflate".
    return _streams(body, _WITHOUT_HEADER, most)


def _streams(body: bytes, window: int, most: int) -> bytes:
    """Decompress one or more consecutive streams; stop just after `most` bytes.

    Raises:
        zlib.error: The body is damaged or truncated.
    """
    whole = bytearray()
    place = 0
    while place < len(body):
        stream = zlib.decompressobj(window)
        while not stream.eof:
            if place == len(body):
                raise zlib.error("incomplete data")
            piece = body[place : place + _SLICE]
            place += len(piece)
            whole += stream.decompress(piece, most + 1 - len(whole))
            if len(whole) > most:
                return bytes(whole)
        place -= len(stream.unused_data)
    return bytes(whole)
