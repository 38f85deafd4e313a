"""Whether the text of a setting is a local path or an address, and of what kind.

An address of an HTTP API is `http[s]://host[:port][/path]`, without any part that could contain a
secret. The users of other addresses define what those may contain.
"""

import ipaddress
import re
from contextlib import suppress
from pathlib import Path

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from sales_assets.http.secrets import shown
from sales_assets.settings import InvalidSettingError

_API = re.compile(
    r"https?://([\w-]{1,63}(\.[\w-]{1,63})*\.?|\[[\da-f:.]+\])(:0*[1-9]\d*)?"
    # The characters of RFC 3986, 2: no white space, control character or backslash.
    r"(/[\w\-.~:/\[\]@!$&'()*+,;=%]*)?",
    re.ASCII | re.IGNORECASE,
)
_MAY_HOLD_A_SECRET = re.compile(r"[@?#]")

_SCHEME = re.compile(r"(file(?=:/)|[a-z][a-z0-9+._-]*(?=://))", re.IGNORECASE)
# A scheme without slashes, slashes without a scheme, another address, or a password by its name.
_MEANT_AS_ADDRESS = re.compile(
    r"[^/]*:|.*//.*@|.*://|.*(password|passwd|pwd)\s*=", re.DOTALL | re.IGNORECASE
)
_MISTAKES = {
    # Bytes that are not UTF-8 are lone surrogates.
    r"^\s|\s\Z|[\x00-\x1f\x7f-\x9f\ud800-\udfff]|%([01]|[cC]2%[89])[\da-fA-F]|%7[fF]": (
        "it has control characters, white space around it, or invalid UTF-8"
    ),
    r"^[\"'\u2018-\u201f]|[\"'\u2018-\u201f]\Z": "remove the quotes",
    r"\$[A-Za-z_{(]|`": "it contains a variable or a command that no shell has expanded",
    r"\\": "it has a backslash: write / between directories, and a space as it is",
}


class InvalidAddressError(InvalidSettingError):
    """The value of a setting is not a valid address."""


def scheme_of(value: str) -> str | None:
    """Return the scheme of an address, in lower case; None for a local path.

    The scheme is empty if it is malformed, as in `s3:/bucket` or `user:password@host`.
    """
    if found := _SCHEME.match(value):
        return found[0].lower()
    return "" if _MEANT_AS_ADDRESS.match(value) else None


def path_or_scheme(value: str, setting: str, expected: str) -> Path | str:
    """Return the absolute path for a local path, or the `scheme_of` an address.

    Raises:
        InvalidAddressError: The value is malformed; the text says what is `expected`, and shows no
            address.
    """
    if not value:
        raise InvalidAddressError(setting, value, expected)
    scheme = scheme_of(value)
    reason = _mistake(value)
    if not reason:
        if scheme is not None:
            return scheme
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:
            reason = "there is no such home directory; write ./~... if the name starts with `~`"
    raise InvalidAddressError(setting, value if scheme is None else None, f"{expected} ({reason})")


def check_address(value: str, setting: str, *, secret: bool = False, or_else: str = "") -> str:
    """Validate the address of an HTTP API; return it without a trailing slash unless secret.

    Raises:
        InvalidAddressError: It is not valid; the text shows it unless a part may be secret.
    """
    reason = _mistake(value)
    if not reason and _API.fullmatch(value):
        with suppress(LocationParseError):
            # This validates an IPv6 address and the range of the port.
            parse_url(value)
            return value if secret else value.rstrip("/")
    reason = reason or "without a user name, password, query, fragment or invalid character"
    raise InvalidAddressError(
        setting,
        None if secret or _MAY_HOLD_A_SECRET.search(value) else shown(value, 200),
        f"an address of the form https://host[:port][/path]{or_else} ({reason})",
    )


def _mistake(value: str) -> str:
    """Return what was probably not meant as it is; empty if there is nothing."""
    return next((what for mistake, what in _MISTAKES.items() if re.search(mistake, value)), "")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
