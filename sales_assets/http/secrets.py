"""Striking the secrets of this process out of texts: errors, logs, metadata, alerts.

Secrets are what the variables hold that `settings` declares as such, and whatever a living `Secret`
holds. They are found in any mixture of upper and lower case, as JSON and URLs write them, and in
Base64. One of less than four characters is left alone, and one of less than eight counts only as a
word of its own: striking out every `a` would leave no text to read.
"""

import base64
import functools
import json
import re
import weakref
from urllib.parse import quote, urlsplit

from sales_assets import settings

_STRUCK = "***"
_SHORTEST = 4
_SHORTEST_ANYWHERE = 8

_living: "weakref.WeakSet[Secret]" = weakref.WeakSet()


class Secret:
    """A value that no text shows as long as this object lives."""

    def __init__(self, value: str) -> None:
        """Keep the value."""
        self.value = value
        _living.add(self)

    def __repr__(self) -> str:
        """Show that there is something."""
        return f"Secret({_STRUCK})"


class Censor:
    """Strikes out the secrets that the process has as this is made, in any number of texts.

    Collecting them takes longer than looking for them in a short text.
    """

    def __init__(self) -> None:
        """Collect the secrets."""
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
    return re.compile("|".join(forms)) if forms else None


@functools.lru_cache(maxsize=64)
def _longest(pattern: re.Pattern[str]) -> int:
    """Give a length that no match exceeds: a character has at most a few dozen as an escape."""
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
    written = f"(?i:{''.join(map(_any_spelling, value))})"
    if len(value) < _SHORTEST_ANYWHERE:
        return [rf"(?<![^\W_]){written}(?![^\W_])"]
    return [written, *_base64_forms(value.encode(errors="surrogatepass"))]


@functools.lru_cache(maxsize=1024)
def _any_spelling(character: str) -> str:
    """Match a character as it is, and as JSON, URLs, HTML and Python write it."""
    if character.isascii() and character.isalnum():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    spellings = [
        re.escape(character),
        re.escape(quote(character, safe="", errors="replace")).replace("%", "%(?:25)?"),
        # Escapes of JSON and Python, and escapes of escapes.
        r"\\*".join(rf"u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)),
        rf"x{ord(character):02x}",
        rf"&\#(?:{ord(character)}|x{ord(character):x});",
        *{"&": ["&amp;"], "<": ["&lt;"], ">": ["&gt;"], '"': ["&quot;"], " ": [r"\+"]}.get(
            character, []
        ),
    ]
    return rf"\\{{0,8}}(?:{'|'.join(spellings)})"


def _base64_forms(value: bytes) -> list[str]:
    """Match what Base64 makes of a value, wherever in a longer one it begins."""
    forms = []
    for offset in range(3):
        # The characters at the ends also depend on what stands beside the value.
        first = (8 * offset + 5) // 6
        last = (offset + len(value)) * 8 // 6
        core = base64.b64encode(bytes(offset) + value).decode()[first:last]
        forms.append("".join({"+": r"[+\-]", "/": r"[/_]"}.get(one, one) for one in core))
    return forms
