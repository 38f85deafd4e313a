"""Where the rows are in the text of a page of JSON, found leniently in all but its completeness.

A page may be the list of rows, or an object with the list somewhere in it. Rows are found one by
one, so that memory never has to hold more than one of them. What is in a row does not matter here.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

MAX_DEPTH = 200
"""Levels that a page may be nested, which is what the fast parser takes."""

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


class Place(NamedTuple):
    """A value, and where its text begins and ends."""

    value: Any
    start: int
    end: int


def places_of_rows(
    text: str, path: Sequence[str], decoder: json.JSONDecoder, around: dict[str, Any]
) -> Iterator[Place]:
    """Give the places of the rows; everything else has to be complete, too.

    Args:
        text: The page.
        path: The keys that lead to the list of rows; none if the page is the list.
        decoder: Parses each row.
        around: Takes what else there is in the objects that lead to it, but for other lists.

    Raises:
        InvalidPageError: It is not complete JSON, or has no list there.
    """
    start = _after_space(text, 0)
    try:
        end = yield from _rows_at(text, start, path, decoder, around)
    except NoRowsError:
        # Of a page that is cut short, too, something may be missing.
        _require_end(text, _value_at(text, start, SKIP)[1])
        raise
    _require_end(text, end)


def _rows_at(
    text: str,
    place: int,
    path: Sequence[str],
    decoder: json.JSONDecoder,
    around: dict[str, Any],
) -> Generator[Place, None, int]:
    """Give the places of the rows in the value at a place, and return the end of the value."""
    if not path:
        return (yield from _elements(text, place, decoder))
    if not text.startswith("{", place):
        kind = kind_of(_value_at(text, place, PARSE)[0])
        raise NoRowsError(f"{kind} where an object with {path[0]!r} should be")
    found = False
    place = _after_space(text, place + 1)
    has_members = not text.startswith("}", place)
    while has_members:
        if not text.startswith('"', place):
            raise InvalidPageError(f"expected a key at character {place}")
        key, place = _value_at(text, place, PARSE)
        place = _after_space(text, _after(":", text, _after_space(text, place)))
        if key != path[0]:
            # Other lists are left out: they may be as long as that of the rows.
            decode = SKIP if text.startswith("[", place) else PARSE
            value, place = _value_at(text, place, decode)
            if decode is PARSE:
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
        place = _after_space(text, _after(",", text, place))
    if not found:
        raise NoRowsError(f"an object without {path[0]!r}")
    return place + 1


def _elements(text: str, place: int, decoder: json.JSONDecoder) -> Generator[Place, None, int]:
    """Give the places of what is in the list at a place, and return the end of the list."""
    if not text.startswith("[", place):
        raise no_list(_value_at(text, place, PARSE)[0])
    place = _after_space(text, place + 1)
    if text.startswith("]", place):
        return place + 1
    while True:
        value, end = _value_at(text, place, decoder)
        yield Place(value, place, end)
        place = _after_space(text, end)
        if text.startswith("]", place):
            return place + 1
        place = _after_space(text, _after(",", text, place))


def _value_at(text: str, place: int, decoder: json.JSONDecoder) -> tuple[Any, int]:
    """Parse the value at a place; give it with its end."""
    try:
        return decoder.raw_decode(text, place)
    except RecursionError:
        raise too_deep() from None
    except ValueError as error:
        raise InvalidPageError(str(error)) from error


def _after_space(text: str, place: int) -> int:
    return _SPACE.match(text, place).end()  # type: ignore[union-attr]  # it always matches


def _after(mark: str, text: str, place: int) -> int:
    if not text.startswith(mark, place):
        raise InvalidPageError(f"expected {mark} at character {place}")
    return place + 1


def _require_end(text: str, place: int) -> None:
    if (place := _after_space(text, place)) != len(text):
        raise InvalidPageError(f"more after the end of the JSON, at character {place}")


def no_list(value: Any) -> NoRowsError:
    """Give the error for a value that should be the list of rows."""
    return NoRowsError(f"{kind_of(value)} where a list of rows should be")


def too_deep() -> NoRowsError:
    """Give the error for a page that is nested too deep."""
    return NoRowsError(f"nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else Repeated(pairs)


def _int(digits: str) -> int:
    """Parse a number; of one that is far too long, the first digits show well enough that it is."""
    return int(digits[:_LONGEST_INT])


PARSE = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int)
"""Parses values of any kind; an object is a `Repeated` if it has a key twice."""

SKIP = json.JSONDecoder(parse_int=len, parse_float=len)
"""Finds the ends of values, and makes no number of any text."""
