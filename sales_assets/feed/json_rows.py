"""The rows of a page of JSON, also of one that only a lenient parser takes.

pydantic's parser is fast, but it refuses a whole page for one lone surrogate, one byte that is not
UTF-8 or one number with thousands of digits, and it hides duplicate keys. What is here tells such a
page from one that was cut short, and shows each row as it was sent. It does not judge rows.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import from_json

MAX_DEPTH = 200
"""Levels that a page may be nested, which is what the fast parser takes."""

LARGE_PAGE = 1 << 20
"""Bytes above which a page is parsed in parts: its rows take many times the memory of its text."""

ROWS_PER_PART = 1000

_SPACE = re.compile(r"[ \t\n\r]*")
_LONGEST_INT = 4000
"""Digits of a number that are parsed: Python refuses more than 4,300."""


class InvalidPageError(ValueError):
    """A page cannot be read: it is not JSON, or it was cut short."""


class NoRowsError(InvalidPageError):
    """A page cannot be read though it is complete: it does not hold a list of rows."""


class Repeated(dict[str, Any]):
    """A JSON object that has a key more than once.

    It has the last value of each key, as most parsers take it.

    Attributes:
        values_of: All values of each repeated key, in order.
    """

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.values_of: dict[str, list[Any]] = defaultdict(list)
        for key, value in pairs:
            if counts[key] > 1:
                self.values_of[key].append(value)


class SentRow(NamedTuple):
    """A row, and the text of which it was made.

    Bytes that are not UTF-8 are lone surrogates in both (`surrogateescape`); a lone surrogate that
    was sent as an escape is one in the value, and still the escape in the text.
    """

    value: Any
    text: str


class Part(NamedTuple):
    """Rows of a page that follow each other, as a JSON list of their own.

    Attributes:
        json: The list.
        first: The number of its first row in the page, from 1.
    """

    json: bytes
    first: int


def parts_of_page(
    page: bytes, path: Sequence[str] = (), around: dict[str, Any] | None = None
) -> Iterator[Part]:
    """Give the list of rows in a page; a large one in lists of `ROWS_PER_PART` rows.

    Args:
        page: JSON.
        path: The keys that lead to the list; none if the page is the list itself.
        around: Takes what else there is in the objects that lead to it, but for other lists.

    Raises:
        InvalidPageError: It is not complete JSON, or has no list there.
    """
    if not path and len(page) <= LARGE_PAGE:
        yield Part(page, 1)
        return
    text = _text(page)
    places = _rows(text, path, _skip, {} if around is None else around)
    first = 1
    while rows := list(islice(places, ROWS_PER_PART)):
        part = f"[{text[rows[0].start : rows[-1].end]}]"
        yield Part(part.encode("utf-8", "surrogateescape"), first)
        first += len(rows)


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
        raise _no_list(rows)
    return rows


def rows_of_page(page: bytes) -> Iterator[SentRow]:
    """Parse a page row by row, leniently in everything but its completeness.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    text = _text(page)
    for row in _rows(text, (), _parse, {}):
        if _is_deeper(row.value, MAX_DEPTH):
            raise _too_deep()
        yield SentRow(row.value, text[row.start : row.end])


def kind_of(value: Any) -> str:
    """Say in the words of JSON what a value is."""
    match value:
        case None | True | False:
            return json.dumps(value)
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a string"
        case _:
            return "a number"


class _Place(NamedTuple):
    value: Any
    start: int
    end: int


def _text(page: bytes) -> str:
    return page.decode("utf-8", "surrogateescape")


def _rows(
    text: str, path: Sequence[str], decoder: json.JSONDecoder, around: dict[str, Any]
) -> Iterator[_Place]:
    """Give the places of the rows; everything else has to be complete, too."""
    start = _after_space(text, 0)
    try:
        end = yield from _rows_at(text, start, path, decoder, around)
    except NoRowsError:
        # Of a page that is cut short, too, something may be missing.
        _require_end(text, _value_at(text, start, _skip)[1])
        raise
    _require_end(text, end)


def _rows_at(
    text: str,
    place: int,
    path: Sequence[str],
    decoder: json.JSONDecoder,
    around: dict[str, Any],
) -> Generator[_Place, None, int]:
    """Give the places of the rows in the value at a place, and return the end of the value."""
    if not path:
        return (yield from _elements(text, place, decoder))
    if not text.startswith("{", place):
        kind = kind_of(_value_at(text, place, _parse)[0])
        raise NoRowsError(f"{kind} where an object with {path[0]!r} should be")
    found = False
    place = _after_space(text, place + 1)
    while not text.startswith("}", place):
        key, place = _value_at(text, place, _parse)
        place = _after_space(text, _after(":", text, _after_space(text, place)))
        if key != path[0]:
            # Other lists are left out: they may be as long as that of the rows.
            decode = _skip if text.startswith("[", place) else _parse
            value, place = _value_at(text, place, decode)
            if decode is _parse:
                around[key] = value
        elif found:
            raise NoRowsError(f"{key!r} is there twice")
        else:
            found = True
            inner = around[key] = {}
            place = yield from _rows_at(text, place, path[1:], decoder, inner)
        place = _after_space(text, place)
        if not text.startswith("}", place):
            place = _after_space(text, _after(",", text, place))
            if not text.startswith('"', place):
                raise InvalidPageError(f"expected a key at character {place}")
    if not found:
        raise NoRowsError(f"an object without {path[0]!r}")
    return place + 1


def _elements(text: str, place: int, decoder: json.JSONDecoder) -> Generator[_Place, None, int]:
    """Give the places of what is in the list at a place, and return the end of the list."""
    if not text.startswith("[", place):
        raise _no_list(_value_at(text, place, _parse)[0])
    place = _after_space(text, place + 1)
    if text.startswith("]", place):
        return place + 1
    while True:
        value, end = _value_at(text, place, decoder)
        yield _Place(value, place, end)
        place = _after_space(text, end)
        if text.startswith("]", place):
            return place + 1
        place = _after_space(text, _after(",", text, place))


def _value_at(text: str, place: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """Parse the value at a place; give it with its end."""
    try:
        return decoder.raw_decode(text, place)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidPageError(str(error)) from error


def _is_deeper(value: Any, levels: int) -> bool:
    match value:
        case dict():
            inner: Any = value.values()
        case list():
            inner = value
        case _:
            return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)


def _after_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it always matches


def _after(mark: str, text: str, place: int) -> int:
    if not text.startswith(mark, place):
        raise InvalidPageError(f"expected {mark} at character {place}")
    return place + 1


def _require_end(text: str, place: int) -> None:
    if (place := _after_space(text, place)) != len(text):
        raise InvalidPageError(f"more after the end of the JSON, at character {place}")


def _no_list(value: Any) -> NoRowsError:
    return NoRowsError(f"{kind_of(value)} where a list of rows should be")


def _too_deep() -> NoRowsError:
    return NoRowsError(f"nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _int(digits: str) -> int:
    """Parse a number; of one that is far too long, the first digits show well enough that it is."""
    return int(digits[:_LONGEST_INT])


_parse = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int)
# Finds the ends of rows, and makes no number of any text.
_skip = json.JSONDecoder(parse_int=len, parse_float=len)
