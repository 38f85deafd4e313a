"""Finds the rows in a page of JSON; lenient about everything but its completeness.

pydantic's parser is fast, but it rejects a whole page for one lone surrogate, one byte that is not
UTF-8 or one number with thousands of digits, and it hides duplicate keys. This module distinguishes
such a page from a truncated one, and returns each row as it was sent. It does not validate rows.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from pydantic_core import from_json

MAX_DEPTH = 200
"""Maximum nesting depth of a page; the same as the fast parser's."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_SPACE = re.compile(r"[ \t\n\r]*")


class InvalidPageError(ValueError):
    """A page cannot be parsed: it is not JSON, or it is truncated."""


class WrongShapeError(InvalidPageError):
    """A page is complete JSON, but does not have what is declared, such as a list of rows."""


class Repeated(dict[str, Any]):
    """A JSON object with duplicate keys; `values_of` has all values of each of them."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        values = defaultdict(list)
        for key, value in pairs:
            values[key].append(value)
        self.values_of = {key: each for key, each in values.items() if len(each) > 1}


class SentRow(NamedTuple):
    """A row and its source text; bytes that are not UTF-8 are lone surrogates in both."""

    value: Any
    text: str


def texts_of_rows(page: bytes, path: Sequence[str], around: dict[str, Any]) -> Iterator[str]:
    """Find the rows in a page, in the list to which a path of keys leads, without parsing them.

    `around` receives the other values of the objects on that path; of a list, only the first.
    Raises InvalidPageError if the page is not complete JSON, or has no list there.
    """
    return (row.text for row in _Scanner(page, _SKIP).rows(path, around))


def values_of_page(page: bytes) -> list[Any]:
    """Parse the rows of a page, with the fast parser if possible; raises as `rows_of_page` does."""
    with suppress(ValueError):
        rows = from_json(page)
        if isinstance(rows, list):
            return rows
    return [row.value for row in rows_of_page(page)]


def rows_of_page(page: bytes) -> Iterator[SentRow]:
    """Parse a page row by row; raise InvalidPageError if it is not a complete JSON list."""
    for row in _Scanner(page, _PARSE).rows((), {}):
        if _is_deeper(row.value, MAX_DEPTH):
            raise WrongShapeError(_TOO_DEEP)
        yield row


def kind_of(value: Any) -> str:
    """Return the JSON type of a value, in words."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case dict():
            return "an object"
        case list():
            return "a list"
    return "a string" if isinstance(value, str) else "a number"


class _Scanner:
    """Reads JSON from left to right; the decoder is that of the rows."""

    def __init__(self, page: bytes, decoder: json.JSONDecoder) -> None:
        self._text = page.decode("utf-8", "surrogateescape")
        self._decoder = decoder
        self._continue_at(0)

    def rows(self, path: Sequence[str], around: dict[str, Any]) -> Iterator[SentRow]:
        """Yield the rows; everything else must be complete, too."""
        if "\0" in self._text[:4]:
            raise WrongShapeError("got UTF-16 or UTF-32 instead of UTF-8")
        try:
            yield from self._rows(path, around)
        except WrongShapeError:
            # A truncated page may be missing something, too.
            self._continue_at(0)
            self._value(_SKIP)
            self._require_end()
            raise
        self._require_end()

    def _rows(self, path: Sequence[str], around: dict[str, Any]) -> Iterator[SentRow]:
        mark, expected = ("{", f"an object with {path[0]!r}") if path else ("[", "a list of rows")
        if not self._is_at(mark):
            kind = kind_of(self._value(_PARSE).value)
            raise WrongShapeError(f"got {kind} instead of {expected}")
        if not path:
            for _ in self._items("[", "]"):
                yield self._value(self._decoder)
            return
        found = False
        for _ in self._items("{", "}"):
            key = self._value(_PARSE).value
            if not isinstance(key, str):
                raise InvalidPageError(f"expected a key before character {self._place}")
            self._pass(":")
            if key != path[0]:
                value = self._value(_PARSE).value
                around[key] = value[:1] if isinstance(value, list) else value
            elif found:
                raise WrongShapeError(f"{key!r} appears twice")
            else:
                found = True
                around[key] = {}
                yield from self._rows(path[1:], around[key])
        if not found:
            raise WrongShapeError(f"there is no {path[0]!r}")

    def _items(self, opening: str, closing: str) -> Iterator[None]:
        """Stop at each item of a list or object, for the caller to read it."""
        self._pass(opening)
        if not self._is_at(closing):
            yield
            while not self._is_at(closing):
                self._pass(",")
                yield
        self._pass(closing)

    def _value(self, decoder: json.JSONDecoder) -> SentRow:
        start = self._place
        try:
            value, end = decoder.raw_decode(self._text, start)
        except RecursionError:
            raise WrongShapeError(_TOO_DEEP) from None
        except ValueError as error:
            raise InvalidPageError(str(error)) from error
        self._continue_at(end)
        return SentRow(value, self._text[start:end])

    def _is_at(self, mark: str) -> bool:
        return self._text.startswith(mark, self._place)

    def _pass(self, mark: str) -> None:
        if not self._is_at(mark):
            raise InvalidPageError(f"expected {mark} at character {self._place}")
        self._continue_at(self._place + 1)

    def _continue_at(self, place: int) -> None:
        self._place = _SPACE.match(self._text, place).end()  # type: ignore[union-attr]

    def _require_end(self) -> None:
        if self._place != len(self._text):
            raise InvalidPageError(f"unexpected data after the JSON, at character {self._place}")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


# Python refuses to parse more than 4,300 digits; the first 4,000 tell as much.
_PARSE = json.JSONDecoder(object_pairs_hook=_object, parse_int=lambda digits: int(digits[:4000]))
_SKIP = json.JSONDecoder(parse_int=len, parse_float=len)
"""Finds the end of a value, without converting numbers."""
