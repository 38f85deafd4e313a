"""The rows of a page of JSON, also of one that only a lenient parser takes.

pydantic's parser is fast, but refuses a whole page for one lone surrogate, one byte that is not
UTF-8, one number of thousands of digits or one value nested too deep, and it hides duplicate keys.
What is here tells such a page from one that was cut short, and shows each row as it was sent. What
a good row is, is not judged here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic_core import from_json

MAX_DEPTH = 100
"""Levels that the values of a row may be nested; parsers give up at depths of their own."""

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_LONGEST_INT = 4000
"""Digits that are parsed of a number: Python refuses more than 4,300."""


class InvalidPageError(ValueError):
    """A page is not a complete JSON list."""


class Repeated(dict[str, Any]):
    """A JSON object that has a key more than once.

    Attributes:
        values_of: All values of each repeated key, in order.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Take the last value of a key, as most parsers do, and keep the others aside."""
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.values_of = {
            key: [value for name, value in pairs if name == key]
            for key, count in counts.items()
            if count > 1
        }


class TooDeep(dict[str, Any]):
    """An object that is nested deeper than `MAX_DEPTH`; not parsed, but kept as text."""

    def __init__(self, text: str) -> None:
        """Keep the text, by which two such rows can be told apart."""
        super().__init__({"": text})


class SentRow(NamedTuple):
    """A row, and the text of which it was made.

    Bytes that are not UTF-8 are lone surrogates in both (`surrogateescape`); a lone surrogate that
    was sent as an escape is one in the value, and still the escape in the text.
    """

    value: Any
    text: str


def values_of_page(page: bytes) -> list[Any]:
    """Parse the rows of a page as fast as it allows.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    try:
        rows = from_json(page)
    except ValueError:
        return [row.value for row in rows_of_page(page)]
    if not isinstance(rows, list):
        raise InvalidPageError(f"a {type(rows).__name__} where a list should be")
    return rows


def rows_of_page(page: bytes) -> Iterator[SentRow]:
    """Parse a page row by row, leniently in everything but its completeness.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    text = page.decode("utf-8", "surrogateescape")
    place = _expect(text, 0, "[")
    if text.startswith("]", place):
        place = _expect(text, place, "]")
    else:
        while True:
            value, end = _row_at(text, place)
            yield SentRow(value, text[place:end])
            place = _SPACE.match(text, end).end()  # type: ignore[union-attr]  # it always matches
            if not text.startswith(",", place):
                break
            place = _expect(text, place, ",")
        place = _expect(text, place, "]")
    if place != len(text):
        raise InvalidPageError(f"more after the end of the list (char {place})")


def _row_at(text: str, place: int) -> tuple[Any, int]:
    """Parse the row that begins at a place; give it with its end."""
    if text.startswith(("{", "["), place):
        end, depth = _extent(text, place)
        if depth > MAX_DEPTH:
            sent = text[place:end]
            return (TooDeep(sent) if sent.startswith("{") else [sent]), end
    try:
        return _decoder.raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        raise InvalidPageError(str(error)) from error


def _extent(text: str, place: int) -> tuple[int, int]:
    """Find the end of an object or a list, and how deep it is nested, without recursion."""
    depth = deepest = 0
    for token in _TOKEN.finditer(text, place):
        mark = token[0]
        if mark in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]}":
            depth -= 1
            if depth == 0:
                return token.end(), deepest
    raise InvalidPageError(f"no end of the row at char {place}")


def _expect(text: str, place: int, mark: str) -> int:
    """Skip a mark and the white space around it."""
    place = _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it always matches
    if not text.startswith(mark, place):
        raise InvalidPageError(f"{mark} expected at char {place}")
    return _SPACE.match(text, place + 1).end()  # type: ignore[union-attr]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _int(digits: str) -> int:
    """Parse a number; of one that is far too long, the first digits will do to show that it is."""
    return int(digits[:_LONGEST_INT])


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int)
