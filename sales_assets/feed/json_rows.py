"""Finds the rows in a page of JSON; lenient about everything but its completeness.

pydantic's parser is fast, but it rejects a whole page for one lone surrogate, one byte that is not
UTF-8 or one number with thousands of digits, and it hides duplicate keys. This module distinguishes
such a page from a truncated one, and returns each row as it was sent. It does not validate rows.
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
"""Page size in bytes above which it is parsed in parts: rows take much more memory than text."""

ROWS_PER_PART = 1000

MAX_DEPTH = 200
"""Maximum nesting depth of a page; the same as the fast parser's."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
_SPACE = re.compile(r"[ \t\n\r]*")


class InvalidPageError(ValueError):
    """A page cannot be parsed: it is not JSON, or it is truncated."""


class NoRowsError(InvalidPageError):
    """A page is complete JSON, but has no list of rows."""


class Repeated(dict[str, Any]):
    """A JSON object with duplicate keys; holds the last value of each key.

    Attributes:
        values_of: All values of each duplicate key, in order.
    """

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


class Part(NamedTuple):
    """Consecutive rows of a page: a JSON list, and the number of its first row."""

    json: bytes
    first: int


_Place = tuple[Any, int, int]  # A value, and the start and end of its text.


def parts_of_page(
    page: bytes, path: Sequence[str] = (), around: dict[str, Any] | None = None
) -> Iterator[Part]:
    """Yield the list of rows in a page, split into lists of `ROWS_PER_PART` rows if it is large.

    Args:
        page: JSON.
        path: The keys that lead to the list; empty if the page is the list itself.
        around: Receives the other values of the objects on that path; of a list, only the first.

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
    """Parse the rows of a page, with the fast parser if possible.

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
    """Return the JSON type of a value, in words."""
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
    """Yield the positions of the rows; everything else must be complete, too."""
    if "\0" in text[:4]:
        raise NoRowsError("got UTF-16 or UTF-32 instead of UTF-8")
    start = _after_space(text, 0)
    try:
        end = yield from _rows_at(text, start, path, decoder, around)
    except NoRowsError:
        # A truncated page may be missing something, too.
        _require_end(text, _value_at(text, start, _SKIP)[1])
        raise
    _require_end(text, end)


def _rows_at(
    text: str, place: int, path: Sequence[str], decoder: json.JSONDecoder, around: dict[str, Any]
) -> Generator[_Place, None, int]:
    """Yield the positions of the rows in the value at `place`; return the end of the value."""
    if not path:
        return (yield from _elements(text, place, decoder))
    if not text.startswith("{", place):
        kind = kind_of(_value_at(text, place, _PARSE)[0])
        raise NoRowsError(f"got {kind} instead of an object with {path[0]!r}")
    found = False
    place = _after_space(text, place + 1)
    has_members = not text.startswith("}", place)
    while has_members:
        if not text.startswith('"', place):
            raise InvalidPageError(f"expected a key at character {place}")
        key, place = _value_at(text, place, _PARSE)
        place = _after(":", text, _after_space(text, place))
        if key != path[0]:
            # Of other lists, only the first value: they may be as long as the list of rows.
            is_list = text.startswith("[", place)
            value, place = _value_at(text, place, _SKIP if is_list else _PARSE)
            around[key] = value[:1] if is_list else value
        elif found:
            raise NoRowsError(f"{key!r} appears twice")
        else:
            found = True
            inner = around[key] = {}
            place = yield from _rows_at(text, place, path[1:], decoder, inner)
        place = _after_space(text, place)
        if text.startswith("}", place):
            break
        place = _after(",", text, place)
    if not found:
        raise NoRowsError(f"there is no {path[0]!r}")
    return place + 1


def _elements(text: str, place: int, decoder: json.JSONDecoder) -> Generator[_Place, None, int]:
    """Yield the positions of the elements of the list at `place`; return the end of the list."""
    if not text.startswith("[", place):
        kind = kind_of(_value_at(text, place, _PARSE)[0])
        raise NoRowsError(f"got {kind} instead of a list of rows")
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
    """Parse the value at `place`; return it and its end."""
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
        raise InvalidPageError(f"unexpected data after the JSON, at character {place}")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


# Python refuses to parse more than 4,300 digits; for such a number, its length is enough.
_PARSE = json.JSONDecoder(object_pairs_hook=_object, parse_int=lambda digits: int(digits[:4000]))
"""Parses any value; an object with duplicate keys becomes a `Repeated`."""

_SKIP = json.JSONDecoder(parse_int=len, parse_float=len)
"""Finds the ends of values without converting numbers."""
