"""Striking the secrets of this process out of texts: errors, logs, metadata, alerts.

Secrets are what the variables hold that `settings` declares as such, and whatever a living `Secret`
holds. They are found as they are and as URLs and JSON quote them, in upper and lower case; what
encodes them in any other way, such as Base64, is not undone. One of less than four characters is
left alone, and one of less than eight counts only as a word of its own: striking out every `a`
would leave no text to read.
"""

import functools
import json
import re
import weakref
from urllib.parse import quote, quote_plus, urlsplit

from sales_assets import settings

_STRUCK = "***"
_SHORTEST = 4
_SHORTEST_ANYWHERE = 8

_living: "weakref.WeakSet[Secret]" = weakref.WeakSet()


class Secret:
    """A value that no text shows as long as this object lives."""

    def __init__(self, value: str) -> None:
        self.value = value
        _living.add(self)

    def __repr__(self) -> str:
        return f"Secret({_STRUCK})"


class Censor:
    """Strikes out the secrets that the process has as this is made, in any number of texts.

    Collecting them takes longer than looking for them in a short text.
    """

    def __init__(self) -> None:
        held = (*settings.secrets(), *(secret.value for secret in list(_living)))
        self._pattern = _pattern(frozenset(held))

    def redacted(self, text: str) -> str:
        """Replace each secret by `***`."""
        return self._pattern.sub(_STRUCK, text) if self._pattern else text

    def shown(self, value: object, limit: int = 80) -> str:
        """Show a value in a few words: secrets are struck out, and only then it is cut.

        Args:
            value: A text, or what is then shown as JSON; no more of it is looked at than is needed.
            limit: The length of what is returned, at most.
        """
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        pattern = self._pattern
        if pattern is None:
            return text if len(text) <= limit else f"{text[: limit - 3]}..."
        parts, length, place = [], 0, 0
        while length <= limit and place < len(text):
            # A secret that begins within the limit is matched to its end.
            found = pattern.search(text, place, place + limit + _longest(pattern))
            end = found.start() if found else len(text)
            part = text[place : min(end, place + limit + 1)]
            parts += [part, _STRUCK] if found and end <= place + limit else [part]
            length = sum(map(len, parts))
            place = found.end() if found and end <= place + limit else place + len(part)
        whole = "".join(parts)
        return whole if len(whole) <= limit else f"{whole[: limit - 3]}..."


def redacted(text: str) -> str:
    """Replace each secret of the process by `***`."""
    return Censor().redacted(text)


def shown(value: object, limit: int = 80) -> str:
    """Show one value in a few words, as `Censor.shown` does."""
    return Censor().shown(value, limit)


@functools.lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str] | None:
    values = {part for secret in secrets for part in _parts(secret) if len(part) >= _SHORTEST}
    # The longer one first: one secret may hold another.
    forms = [form for value in sorted(values, key=len, reverse=True) for form in _forms(value)]
    return re.compile("|".join(forms), re.IGNORECASE) if forms else None


@functools.lru_cache(maxsize=64)
def _longest(pattern: re.Pattern[str]) -> int:
    """Return a length that no match exceeds."""
    return len(pattern.pattern)


def _parts(secret: str) -> list[str]:
    """Give a secret, and of an address its path and the end of that, too."""
    if "://" not in secret:
        return [secret]
    try:
        path = urlsplit(secret).path.rstrip("/")
    except ValueError:
        return [secret]
    last = path.rpartition("/")[2]
    return [secret, *(part for part, least in ((path, 8), (last, 12)) if len(part) >= least)]


def _forms(value: str) -> list[str]:
    """Match a value as it is, and as URLs and JSON quote it."""
    written = {
        *(
            quoted(value, errors="replace")
            for quoted in (quote, functools.partial(quote, safe=""), quote_plus)
        ),
        *(json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]),
    }
    # The longer one first, since one may begin as another one does.
    forms = map(re.escape, sorted({value, *written}, key=len, reverse=True))
    if len(value) >= _SHORTEST_ANYWHERE:
        return [*forms]
    return [rf"(?<![^\W_]){form}(?![^\W_])" for form in forms]
