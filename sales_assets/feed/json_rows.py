"""The rows of a page of JSON, also of one that only a lenient parser takes.

pydantic's parser is fast, but it refuses a whole page for one lone surrogate, one byte that is not
UTF-8 or one number with thousands of digits, and it hides duplicate keys. What is here tells such a
page from one that was cut short, and shows each row as it was sent. It does not judge rows.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import from_json

from sales_assets.feed.json_text import (
    MAX_DEPTH,
    PARSE,
    SKIP,
    no_list,
    places_of_rows,
    too_deep,
)

LARGE_PAGE = 1 << 20
"""Bytes above which a page is parsed in parts: its rows take many times the memory of its text."""

ROWS_PER_PART = 1000


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
    places = places_of_rows(text, path, SKIP, {} if around is None else around)
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
        raise no_list(rows)
    return rows


def rows_of_page(page: bytes) -> Iterator[SentRow]:
    """Parse a page row by row, leniently in everything but its completeness.

    Raises:
        InvalidPageError: It is not a complete JSON list.
    """
    text = _text(page)
    for row in places_of_rows(text, (), PARSE, {}):
        if _is_deeper(row.value, MAX_DEPTH):
            raise too_deep()
        yield SentRow(row.value, text[row.start : row.end])


def _text(page: bytes) -> str:
    return page.decode("utf-8", "surrogateescape")


def _is_deeper(value: Any, levels: int) -> bool:
    match value:
        case dict():
            inner: Any = value.values()
        case list():
            inner = value
        case _:
            return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)
