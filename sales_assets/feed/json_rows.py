"""The rows in a page of JSON, found leniently in everything but its completeness.

pydantic's parser is fast, but it refuses a whole page for one lone surrogate, one byte that is not
UTF-8 or one number with thousands of digits, and it hides duplicate keys. This module tells such a
page from one that was cut short, and shows each row as it was sent. It does not judge rows.
"""

import json
import re
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import from_json

LARGE_PAGE = 1 << 20
"""Bytes above which a page is parsed in parts: its rows take many times the memory of its text."""

ROWS_PER_PART = 1000

MAX_DEPTH = 200
"""Levels that a page may be nested, which is what the fast parser takes."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_SPACE = re.compile(r"[ \t\n\r]*")


class InvalidPageError(ValueError):
    """A page cannot be read: it is not JSON, or it was cut short."""


class NoRowsError(InvalidPageError):
    """A page cannot be read though it is complete: it does not hold a list of rows."""


class Repeated(dict[str, Any]):
    """A JSON object that has a key more than once, with the last value of each key.

    Attributes:
        values_of: All values of each repeated key, in order.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        values = defaultdict(list)
        for key, value in pairs:
            values[key].append(value)
        self.values_of = {key: each for key, each in values.items() if len(each) > 1}


class SentRow(NamedTuple):
    """A row, and the text of which it was made; what is not UTF-8 is lone surrogates in both."""

    value: Any
    text: str


class Part(NamedTuple):
    """Rows of a page that follow each other: a JSON list, and the number of its first row."""

    json: bytes
    first: int


_Place = tuple[Any, int, int]  # A value, and where its text begins and ends.


def parts_of_page(
    page: bytes, path: Sequence[str] = (), around: dict[str, Any] | None = None
) -> Iterator[Part]:
    """Give the list of rows in a page; a large one in lists of `ROWS_PER_PART` rows.

    Args:
        page: JSON.
        path: The keys that lead to the list; none if the page is the list itself.
        around: Takes what else there is in the objects that lead to it, except for other lists.

    Raises:
        InvalidPageError: It is not complete JSON, or has no list there.
    """
    if not path and len(page) <= LARGE_PAGE:
        yield Part(page, 1)
        return
    text = page.decode("utf-8", "surrogateescape")
    places = _rows_in(text, path, _SKIP, {} if around is None else around)
    first = 1
    while rows := list(islice(places, ROWS_PER_PART)):
        part = f"[{text[rows[0][1] : rows[-1][2]]}]"
        yield Part(part.encode("utf-8", "surrogateescape"), first)
        first += len(rows)


def values_of_page(page: bytes) -> list[Any]:
    """Parse the rows of a page as fast as it allows.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    with suppress(ValueError):
        rows = from_json(page)
        if isinstance(rows, list):
            return rows
    return [row.value for row in rows_of_page(page)]


def rows_of_page(page: bytes) -> Iterator[SentRow]:
    """Parse a page row by row, leniently in everything but its completeness.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    text = page.decode("utf-8", "surrogateescape")
    for value, start, end in _rows_in(text, (), _PARSE, {}):
        if _is_deeper(value, MAX_DEPTH):
            raise NoRowsError(_TOO_DEEP)
        yield SentRow(value, text[start:end])


def kind_of(value: Any) -> str:
    """Say in the words of JSON what a value is."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case dict():
            return "an object"
        case list():
            return "a list"
    return "a string" if isinstance(value, str) else "a number"


def _rows_in(
    text: str, path: Sequence[str], decoder: json.JSONDecoder, around: dict[str, Any]
) -> Iterator[_Place]:
    """Give the places of the rows; everything else has to be complete, too."""
    start = _after_space(text, 0)
    try:
        end = yield from _rows_at(text, start, path, decoder, around)
    except NoRowsError:
        # Of a page that is cut short, too, something may be missing.
        _require_end(text, _value_at(text, start, _SKIP)[1])
        raise
    _require_end(text, end)


def _rows_at(
    text: str, place: int, path: Sequence[str], decoder: json.JSONDecoder, around: dict[str, Any]
) -> Generator[_Place, None, int]:
    """Give the places of the rows in the value at a place, and return the end of the value."""
    if not path:
        return (yield from _elements(text, place, decoder))
    if not text.startswith("{", place):
        kind = kind_of(_value_at(text, place, _PARSE)[0])
        raise NoRowsError(f"{kind} where an object with {path[0]!r} should be")
    found = False
    place = _after_space(text, place + 1)
    has_members = not text.startswith("}", place)
    while has_members:
        if not text.startswith('"', place):
            raise InvalidPageError(f"expected a key at character {place}")
        key, place = _value_at(text, place, _PARSE)
        place = _after(":", text, _after_space(text, place))
        if key != path[0]:
            # Other lists are left out: they may be as long as that of the rows.
            decode = _SKIP if text.startswith("[", place) else _PARSE
            value, place = _value_at(text, place, decode)
            if decode is _PARSE:
                around[key] = value
        elif found:
            raise NoRowsError(f"{key!r} is there twice")
        else:
            found = True
            inner = around[key] = {}
            place = yield from _rows_at(text, place, path[1:], decoder, inner)
        place = _after_space(text, place)
        if text.startswith("}", place):
            break
        place = _after(",", text, place)
    if not found:
        raise NoRowsError(f"an object without {path[0]!r}")
    return place + 1


def _elements(text: str, place: int, decoder: json.JSONDecoder) -> Generator[_Place, None, int]:
    """Give the places of what is in the list at a place, and return the end of the list."""
    if not text.startswith("[", place):
        kind = kind_of(_value_at(text, place, _PARSE)[0])
        raise NoRowsError(f"{kind} where a list of rows should be")
    place = _after_space(text, place + 1)
    if text.startswith("]", place):
        return place + 1
    while True:
        value, end = _value_at(text, place, decoder)
        yield value, place, end
        place = _after_space(text, end)
        if text.startswith("]", place):
            return place + 1
        place = _after(",", text, place)


def _value_at(text: str, place: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """Parse the value at a place; give it with its end."""
    try:
        return decoder.raw_decode(text, place)
    except RecursionError:
        raise NoRowsError(_TOO_DEEP) from None
    except ValueError as error:
        raise InvalidPageError(str(error)) from error


def _after_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it always matches


def _after(mark: str, text: str, place: int) -> int:
    if not text.startswith(mark, place):
        raise InvalidPageError(f"expected {mark} at character {place}")
    return _after_space(text, place + 1)


def _require_end(text: str, place: int) -> None:
    if (place := _after_space(text, place)) != len(text):
        raise InvalidPageError(f"more after the end of the JSON, at character {place}")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


# Python refuses to parse more than 4,300 digits, and that there are so many says enough.
_PARSE = json.JSONDecoder(object_pairs_hook=_object, parse_int=lambda digits: int(digits[:4000]))
"""Parses values of any kind; an object is a `Repeated` if it has a key twice."""

_SKIP = json.JSONDecoder(parse_int=len, parse_float=len)
"""Finds the ends of values, and makes no number of any text."""
