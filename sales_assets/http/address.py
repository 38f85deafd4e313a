"""What an address is: `http[s]://host[:port][/path]`, and nothing that a secret could hide in."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from sales_assets.http.secrets import shown
from sales_assets.settings import InvalidSettingError

# Those of RFC 3986, 2: no white space, no control character, no backslash.
_ALLOWED = re.compile(r"[\w\-.~:/?#\[\]@!$&'()*+,;=%]*", re.ASCII)
_LABEL = re.compile(r"[\w-]{1,63}", re.ASCII)
_LONGEST_SHOWN = 200


class InvalidAddressError(InvalidSettingError):
    """A setting holds something that is not an address."""


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
        InvalidAddressError: It is not an address; the text says why, without a part that may be
            secret (user name, password, query, fragment).
    """
    if reason := _reason(value):
        raise InvalidAddressError(
            setting,
            None if secret else _without_secrets(value),
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
    if parts.scheme not in ("http", "https") or "//" not in value:
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


def _without_secrets(value: str) -> str:
    """Strike out the parts of a would-be address in which a secret may stand."""
    head, mark, tail = re.fullmatch(r"([^?#]*)([?#]?)(.*)", value, re.DOTALL).groups()  # type: ignore[union-attr]
    scheme, slashes, rest = head.partition("://") if "://" in head else ("", "", head)
    if "@" in tail or "@" in scheme:
        # A password may hold anything: there is no telling where it ends.
        return "***"
    _, at, rest = rest.rpartition("@")
    left = f"{scheme}{slashes}{'***@' if at else ''}{rest}{mark}{'***' if mark else ''}"
    return shown(left, _LONGEST_SHOWN)
