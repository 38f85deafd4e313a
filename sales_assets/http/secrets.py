"""Redacts the secrets of this process in texts: errors, logs, metadata, alerts.

Secrets are the values of the variables that `settings` declares secret, and of all live `Secret`
objects. They are matched literally and as URLs, JSON and HTML quote them, in upper and lower case;
other encodings, such as Base64, are not detected. A secret of fewer than four characters is
ignored, and one of fewer than eight must match a whole word: redacting every `a` would leave no
readable text.
"""

import functools
import html
import json
import re
import weakref
from urllib.parse import quote_plus

from sales_assets import settings

_SHORTEST = 4
_SHORTEST_ANYWHERE = 8

_living: "weakref.WeakSet[Secret]" = weakref.WeakSet()


class Secret:
    """A value that is redacted from all texts as long as this object lives."""

    def __init__(self, value: str) -> None:
        self.value = value
        _living.add(self)


def redacted(text: str) -> str:
    """Replace each secret of the process with `***`."""
    held = (*settings.secrets(), *(secret.value for secret in list(_living)))
    return _pattern(frozenset(held)).sub("***", text)


def shown(value: object, limit: int = 80) -> str:
    """Return a text, or a value as JSON, first redacted and then truncated."""
    text = redacted(value if isinstance(value, str) else json.dumps(value, default=str))
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


@functools.lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    values = {part for secret in secrets for part in _parts(secret) if len(part) >= _SHORTEST}
    forms = []
    # Longest first: one secret may contain another.
    for value in sorted(values, key=len, reverse=True):
        form = "".join(map(_character, value))
        is_word = len(value) < _SHORTEST_ANYWHERE
        forms.append(rf"(?<![^\W_]){form}(?![^\W_])" if is_word else form)
    # Without any, match nothing.
    return re.compile("|".join(forms) or "(?!)", re.IGNORECASE)


def _parts(secret: str) -> list[str]:
    """Return a secret; for an address, also its path and the end of the path."""
    path = "/" + secret.partition("://")[2].partition("/")[2].rstrip("/")
    last = path.rpartition("/")[2]
    return [secret, *(part for part, least in ((path, 8), (last, 12)) if len(part) >= least)]


def _character(one: str) -> str:
    """Return a pattern for a character as it is, and as URLs, JSON and HTML quote it."""
    if one.isascii() and one.isalnum():
        return one
    bytes_in_url = "".join(f"%{byte:02x}" for byte in one.encode(errors="replace"))
    spellings = {
        *(one, quote_plus(one, errors="replace"), bytes_in_url),
        *(f"\\{one}", f"\\u{ord(one):04x}", json.dumps(one)[1:-1]),
        *(html.escape(one), f"&#{ord(one)};", f"&#x{ord(one):x};"),
    }
    # Longest first, since one may be a prefix of another.
    return f"(?:{'|'.join(map(re.escape, sorted(spellings, key=len, reverse=True)))})"
