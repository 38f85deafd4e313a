"""What the text of a setting is: a local path, or an address, whose scheme says of what.

An address of an HTTP API is `http[s]://host[:port][/path]`, with nothing that a secret could hide
in. What other addresses may hold is said where they are used.
"""

import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from sales_assets.http.secrets import shown
from sales_assets.settings import InvalidSettingError

# Those of RFC 3986, 2: no white space, no control character, no backslash.
_ALLOWED = re.compile(r"[\w\-.~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_LABEL = re.compile(r"[\w-]{1,63}", re.ASCII)
_LONGEST_SHOWN = 200
_MAY_HOLD_A_SECRET = re.compile(r"[@?#]")

_SCHEME = re.compile(r"(file(?=:/)|[a-z][a-z0-9+._-]*(?=://))", re.IGNORECASE)
# A scheme without slashes, slashes without a scheme, or another address within the text.
_MEANT_AS_ADDRESS = re.compile(r"[^/]*:|//.*@|.*://", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_QUOTED = re.compile(r"[\"'].*|.*[\"']", re.DOTALL)
_VARIABLE = re.compile(r"\$[A-Za-z_{(]")


class InvalidAddressError(InvalidSettingError):
    """A setting holds something that is not an address."""


def scheme_of(value: str) -> str | None:
    """Say what a text is: the scheme of an address, in lower case; None for a local path.

    The scheme is empty where there is one that no address has, as in `s3:/bucket` or
    `user:password@host`.
    """
    if found := _SCHEME.match(value):
        return found[0].lower()
    return "" if _MEANT_AS_ADDRESS.match(value) else None


def path_or_scheme(value: str, setting: str, expected: str) -> Path | str:
    """Give the absolute path that a text is, or the `scheme_of` an address.

    Args:
        value: What the setting holds; `~` is the home directory.
        setting: The name of the variable.
        expected: What the setting may hold, for the error.

    Raises:
        InvalidAddressError: It is not written as it is meant. The error shows no address.
    """
    scheme = scheme_of(value)
    if not value or value != value.strip() or _CONTROL.search(unquote(value)):
        reason = "it is empty, or has a control character or white space around it"
    elif _QUOTED.fullmatch(value):
        reason = "leave the quotes out"
    elif _VARIABLE.search(value):
        reason = "no shell has expanded the variable in it"
    elif scheme is not None:
        return scheme
    else:
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:
            reason = "there is no such home directory; write ./~... if the name begins with `~`"
    raise InvalidAddressError(setting, value if scheme is None else None, f"{expected} ({reason})")


def check_address(value: str, setting: str, *, secret: bool = False, or_else: str = "") -> str:
    """Give an address, once it is known to be one.

    Args:
        value: What the setting holds.
        setting: The name of the variable.
        secret: Whether the address itself is a secret, such as that of a webhook.
        or_else: What else the setting may hold, for the error.

    Returns:
        The address without a slash at its end; that of a webhook as it is.

    Raises:
        InvalidAddressError: It is not an address; the text says why, and shows it unless it has a
            part that may be secret (user name, password, query, fragment).
    """
    if reason := _reason(value):
        raise InvalidAddressError(
            setting,
            None if secret or _MAY_HOLD_A_SECRET.search(value) else shown(value, _LONGEST_SHOWN),
            f"an address of the form https://host[:port][/path]{or_else} ({reason})",
        )
    return value if secret else value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host.lower() == "localhost"
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _reason(value: str) -> str:
    """Say what keeps a text from being an address; nothing if it is one."""
    if not _ALLOWED.fullmatch(value):
        return "white space, or a character that no address has"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return "its host or its port is malformed"
    if scheme_of(value) not in ("http", "https"):
        return "it does not begin with http:// or https://"
    if "@" in parts.netloc:
        return "it has a user name or a password"
    if "?" in value:
        return "it has a query"
    if "#" in value:
        return "it has a fragment"
    if port == 0 or parts.netloc.endswith(":"):
        return "its port is not from 1 to 65535"
    return "" if _is_host(parts) else "it has no host, or one that is malformed"


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return re.fullmatch(r"\[[^\[\]%]+\](:\d+)?", parts.netloc) is not None
    return len(host) <= 253 and all(map(_LABEL.fullmatch, host.removesuffix(".").split(".")))
