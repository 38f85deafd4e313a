"""Where the rows of a page are, pages that have none, and large ones."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from sales_assets.feed.json_rows import (
    MAX_DEPTH,
    InvalidPageError,
    WrongShapeError,
    rows_of_page,
    texts_of_rows,
    values_of_page,
)
from sales_assets_tests.helpers.growth import is_linear


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_json_that_is_not_utf_8_is_named(encoding: str) -> None:
    body = '{"a": [{}]}'.encode(encoding)
    for read in (values_of_page, lambda page: list(texts_of_rows(page, ["a"], {}))):
        with pytest.raises(WrongShapeError, match="UTF-16 or UTF-32 instead of UTF-8"):
            read(body)


LISTS = ["", "[", "[1", "[1,", "[1,]", "[1 2]", "[] x", "<html>", "nul"]
OBJECTS = ['{"a": [', '{"a": []', '{"a": [],}', '{"a": []} x', "{a: []}", '{"a" []}', '{"b": 1']
MIXTURES = ['{"a": [] "b": 1}', '{"a": null', '{"a": [{}, ]}', '{1: 2, "a": []}', '{"data": [']


@pytest.mark.parametrize("body", [*LISTS, *OBJECTS, *MIXTURES])
def test_what_is_no_complete_json_is_told_from_another_shape(body: str) -> None:
    for read in (values_of_page, lambda page: list(texts_of_rows(page, ["a"], {}))):
        with pytest.raises(InvalidPageError) as raised:
            read(body.encode())
        assert not isinstance(raised.value, WrongShapeError)


@pytest.mark.parametrize("text", ['"A"', '"\\ud800"'], ids=["fast", "lenient"])
def test_a_page_may_be_nested_and_is_refused_beyond_a_depth(text: str) -> None:
    [row] = values_of_page(f'[{{"a": {text}, "b": {nested(MAX_DEPTH - 1)}}}]'.encode())
    assert json.dumps(row["b"]) == nested(MAX_DEPTH - 1)
    for levels in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(WrongShapeError, match="nested deeper than 200 levels"):
            values_of_page(f'[{{"a": {text}, "b": {nested(levels)}}}]'.encode())


@pytest.mark.parametrize(
    "cut",
    [
        lambda size: b'[{"a": "' + b'\\"' * size,
        lambda size: b"[" * size,
        lambda size: b"[" + b'{"a":' * size,
        lambda size: b"[" + b'{"a": "x"},' * size,
    ],
    ids=["in quotation marks", "in lists", "in objects", "after a row"],
)
def test_a_page_that_is_cut_short_is_refused_in_linear_time(cut: Any) -> None:
    def parse(size: int) -> None:
        with pytest.raises(InvalidPageError):
            list(rows_of_page(cut(size)))

    assert is_linear(parse, 40_000)


def test_many_keys_that_come_twice_are_found_in_linear_time() -> None:
    def parse(keys: int) -> None:
        body = "".join(f'"{n}": 1, "{n}": 2, ' for n in range(keys))
        list(rows_of_page(f'[{{{body}"end": 0}}]'.encode()))

    assert is_linear(parse, 10_000)


@pytest.mark.parametrize(
    ("body", "path", "rows", "around"),
    [
        ('{"a": [ {"x" : 1} ]}', ["a"], ['{"x" : 1}'], {"a": {}}),
        ('{"a": []}', ["a"], [], {"a": {}}),
        (
            ' {"n" : {"t": 3}, "a":{"b":[{},[1]],"c":null} , "l": ["x", 1] } ',
            ["a", "b"],
            ["{}", "[1]"],
            {"n": {"t": 3}, "a": {"b": {}, "c": None}, "l": ["x"]},
        ),
        ('{"\\u0061": [{"x": "]"}]}', ["a"], ['{"x": "]"}'], {"a": {}}),
        ('{"a": [{"a": [1]}]}', ["a"], ['{"a": [1]}'], {"a": {}}),
    ],
)
def test_rows_are_found_in_an_envelope_as_they_were_sent(
    body: str, path: Sequence[str], rows: list[str], around: dict[str, Any]
) -> None:
    found: dict[str, Any] = {}
    assert list(texts_of_rows(body.encode(), path, found)) == rows
    assert found == around


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('{"a": null}', "got null instead of a list of rows"),
        ('{"a": [], "a": []}', "'a' appears twice"),
        ('{"a": {"b": []}}', "got an object instead of a list of rows"),
    ],
)
def test_an_envelope_without_rows_is_complete_and_named(body: str, says: str) -> None:
    with pytest.raises(WrongShapeError, match=f"^{says}$"):
        list(texts_of_rows(body.encode(), ["a"], {}))
