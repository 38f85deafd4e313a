"""A response: its decompressed body, whether a cache kept it, and when to retry."""

import datetime
import email.utils
import gzip
import io
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

_LONGEST_REASON = 200
_PORTS = {"http": 80, "https": 443}
_UNIX_TIME = 1_000_000_000
"""From here on, a number of seconds is a Unix timestamp."""
_KEPT = re.compile(
    r"age: .*[1-9]"
    r"|((x|cf|x-proxy)-)?cache(-status)?: ((stale|updating)\b|.*(?<![a-z])(?<!refresh_)hit\b)",
    re.IGNORECASE,
)
"""A header that says that a cache has kept the response."""
_EXHAUSTED = re.compile(r"\b(?:remaining|r)=0\s*[;,]\s*(?:reset|t)=(\d+)", re.ASCII)
"""The reset of a limit in the header `RateLimit`, as older and newer drafts of the IETF have it."""


@dataclass(frozen=True)
class HttpAnswer:
    """A complete response to the request for an `address`.

    Attributes:
        headers: The headers; names are case-insensitive.
        body: The decompressed bytes; for an error, only as many as are useful.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    address: str
    body: bytes = b""

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
        lines = (f"{name}: {value}" for name, value in self.headers.items())
        return next(filter(_KEPT.match, lines), "")

    @property
    def target(self) -> str:
        """The target address of a redirect; empty for any other response."""
        location = self.headers.get("Location", "")
        if self.status not in (301, 302, 303, 307, 308) or not location:
            return ""
        with suppress(ValueError):
            location = urljoin(self.address, location)
        return location

    @property
    def is_transient(self) -> bool:
        """Whether retrying the request may succeed, as after a 4xx that is a rate limit."""
        if self.status in (401, 404) or self.status < 400:
            return False
        if self.status in (408, 425, 429) or self.status >= 500 or "Retry-After" in self.headers:
            return True
        return self.status == 403 and self._rate_limit[0] == "0"

    @property
    def retry_after(self) -> float | None:
        """Whole seconds that the server asks to wait; None if it does not."""
        wait = _seconds(self.headers.get("Retry-After", ""))
        remaining, reset = self._rate_limit
        is_limit = self.status == 429 or (self.status in (403, 503) and remaining in ("", "0"))
        return _seconds(reset) if wait is None and is_limit else wait

    @property
    def _rate_limit(self) -> tuple[str, str]:
        """What remains of a rate limit, and when it is reset; empty if unknown."""
        if resets := _EXHAUSTED.findall(self.headers.get("RateLimit", "")):
            return "0", ",".join(resets)
        return self._of_rate_limit("Remaining"), self._of_rate_limit("Reset")

    def _of_rate_limit(self, what: str) -> str:
        names = (f"{start}-{what}" for start in ("RateLimit", "X-RateLimit", "X-Rate-Limit"))
        return next((self.headers[name].strip() for name in names if name in self.headers), "")

    def error(self, reason: str = "") -> HttpError:
        """Return the error for an unusable response."""
        return HttpError(self.address, reason or self.said)

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
    with suppress(ValueError):
        origins = {
            (parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme))
            for parts in map(urlsplit, (one, other))
        }
        return len(origins) == 1
    return False


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


def unpacked(answer: HttpAnswer, body: bytes, most: int) -> HttpAnswer:
    """Return a response with its body, decompressed although no compression was requested.

    Raises:
        TransientHttpError: The body is damaged or truncated.
        HttpError: It has more than `most` bytes, or its compression is not supported.
    """
    # The empty one is unpacked last, to check the size once more.
    codings = ["", *answer.headers.get("Content-Encoding", "").lower().split(",")]
    for coding in map(str.strip, reversed(codings)):
        if len(body) > most:
            raise answer.error(f"the response has more than {most} bytes (max_page_bytes)")
        try:
            match coding if body else "":
                case "gzip" | "x-gzip":
                    body = gzip.GzipFile(fileobj=io.BytesIO(body)).read(most + 1)
                case "deflate":
                    body = _inflated(body, most)
                # From https://www.iana.org/assignments/http-parameters; other names are unknown.
                case "compress" | "x-compress" | "br" | "zstd" | "dcb" | "dcz":
                    raise answer.error(
                        f"the response is compressed with {coding}, which was not requested"
                    )
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise answer.transient_error(
                f"the response is damaged or truncated ({coding}: {error})"
            ) from None
    return replace(answer, body=body)


def _inflated(body: bytes, most: int) -> bytes:
    """Decompress a body; stop just after `most` bytes."""
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # With a header of zlib or gzip.
    try:
        whole = stream.decompress(body, most + 1)
    except zlib.error:
        # Many servers leave out the header.
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        whole = stream.decompress(body, most + 1)
    if len(whole) <= most and not stream.eof:
        raise zlib.error("incomplete data")
    return whole
