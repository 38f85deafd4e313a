"""What a response says: its body without compression, how old it is, when to come back.

Only what any HTTP API says in the same way is read here. What a status means for those who asked is
not decided here.
"""

import email.utils
import math
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from sales_assets.http.errors import HttpError, TransientHttpError
from sales_assets.http.secrets import shown

LARGEST_ERROR = 1 << 16
"""Bytes of the body of a response other than 200, beyond which it is not read."""
_LONGEST_REASON = 200
_SLICE = 1 << 13
_UNIX_TIME = 1_000_000_000
"""From here on, a number of seconds is a point in time."""
_GZIP_OR_ZLIB, _WITHOUT_HEADER = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
_UNPACKED = {"gzip", "x-gzip", "deflate"}
_OTHER_CODINGS = {"compress", "x-compress", "br", "zstd", "dcb", "dcz"}
"""Those of https://www.iana.org/assignments/http-parameters; other names mean nothing."""


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response.

    Attributes:
        status: The status code.
        phrase: What the server calls the status.
        headers: Their names in any case.
        body: The bytes, without compression; of an error, as many as are of use.
        address: What was requested.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    address: str

    @property
    def said(self) -> str:
        """The status in the words of the server, with the beginning of what an error says."""
        status = f"HTTP {self.status} {self.phrase}".rstrip()
        # Far more than is shown, so that a secret is struck out before it is cut.
        text = " ".join(self.body[:4096].decode(errors="backslashreplace").split())
        # A list of objects is no reason, but the rows of somebody.
        if self.status == 200 or not text or re.match(r"\[ ?\{", text):
            return status
        return f"{status}: {shown(text, _LONGEST_REASON)}"

    @property
    def age(self) -> int:
        """Seconds for which a cache has had this response; 0 for one that comes from the API."""
        return max(map(int, re.findall(r"\d{1,9}", self.headers.get("Age", ""))), default=0)

    @property
    def target(self) -> str:
        """The address that a redirect leads to; empty for any other response."""
        location = self.headers.get("Location", "")
        if self.status not in (301, 302, 303, 307, 308) or not location:
            return ""
        try:
            return urljoin(self.address, location)
        except ValueError:
            return location

    @property
    def is_limit(self) -> bool:
        """Whether a 403 is no refusal but a rate limit."""
        return self.status == 403 and ("Retry-After" in self.headers or self._remaining == "0")

    @property
    def is_transient(self) -> bool:
        """Whether the same request may well get another response later."""
        return self.status in (408, 425, 429) or self.status >= 500 or self.is_limit

    @property
    def retry_after(self) -> float | None:
        """Whole seconds for which the server asks to be left alone; None if it does not say."""
        names = ["Retry-After"]
        if self.status == 429 or (self.status in (403, 503) and self._remaining in ("", "0")):
            names += ["RateLimit-Reset", "X-RateLimit-Reset"]
        waits = (_seconds(self.headers.get(name, "")) for name in names)
        return next((wait for wait in waits if wait is not None), None)

    @property
    def _remaining(self) -> str:
        names = ("RateLimit-Remaining", "X-RateLimit-Remaining")
        return next((self.headers[name].strip() for name in names if name in self.headers), "")

    def error(self, reason: str = "") -> HttpError:
        """Say that this response is of no use."""
        return HttpError(self.address, reason or self.said)

    def too_large(self, most: int) -> HttpError:
        """Say that this response has more than so many bytes."""
        return self.error(f"the response has more than {most} bytes (max_page_bytes)")

    def transient_error(self, reason: str = "") -> TransientHttpError:
        """Say that this response is of no use, but that the next one may be."""
        return TransientHttpError(
            self.address,
            reason or self.said,
            retry_after=self.retry_after,
            slow_down=self.status in (403, 429, 503),
        )


def same_origin(one: str, other: str) -> bool:
    """Tell whether two addresses have scheme, host and port in common."""
    return _origin(one) == _origin(other)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", address, None
    return parts.scheme, parts.hostname, port


def _seconds(value: str) -> float | None:
    """Read a pause: seconds, a point in Unix time, or a date; rounded up."""
    if re.fullmatch(r"\d{1,12}(\.\d*)?", value.strip()):
        seconds = float(value)
        return float(math.ceil(seconds - (time.time() if seconds >= _UNIX_TIME else 0)))
    try:
        then = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError, TypeError):
        return None
    return float(math.ceil(then - time.time()))


def unpacked(answer: HttpAnswer, most: int) -> HttpAnswer:
    """Undo the compression of a response, which nobody asked for.

    Args:
        answer: A response whose body is as it came.
        most: The largest body, in bytes, that is taken.

    Raises:
        TransientHttpError: The body is damaged or cut short.
        HttpError: It is larger, or compressed in a way that is not known here.
    """
    body = answer.body
    codings = answer.headers.get("Content-Encoding", "").lower().split(",")
    for coding in map(str.strip, reversed(codings)):
        if coding in _OTHER_CODINGS:
            raise answer.error(
                f"the response is compressed with {coding}, though that was not asked for"
            )
        if coding not in _UNPACKED or not body:
            continue
        try:
            body = _inflated(body, coding, most)
        except zlib.error as error:
            raise answer.transient_error(
                f"the response is damaged or cut short ({coding}: {error})"
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
    # What many servers take "deflate" for.
    return _streams(body, _WITHOUT_HEADER, most)


def _streams(body: bytes, window: int, most: int) -> bytes:
    """Undo one stream, or several in a row, each to its end; stop just after so many bytes.

    Raises:
        zlib.error: The body is damaged or cut short.
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
