"""How a day differs from its record, and from the day that it is made from."""

from pathlib import Path
from typing import Any

import pytest

from sales_assets.storage.comparison import Kind, content_difference, source_difference, stranger

STORED = {"bytes": 4, "sha256": "1" * 64, "sizes_sha256": "2" * 64}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ({}, None),
        ({"sha256": "3" * 64}, "the content differs from the record"),
        ({"sizes_sha256": "3" * 64}, "bytes moved from one file to another"),
    ],
    ids=["the same", "other bytes", "bytes that moved"],
)
def test_other_content_is_named(recorded: dict[str, Any], expected: str | None) -> None:
    found = content_difference({**STORED, **recorded}, STORED)
    assert bool(found) == bool(expected)
    assert (expected or "") in found


MADE_FROM_1 = {"made_from_sha256": "1", "stamp": 2.0}


@pytest.mark.parametrize(
    ("recorded", "source", "rows", "expected"),
    [
        (MADE_FROM_1, {"sha256": "1", "stamp": 9.0}, 3, None),
        (MADE_FROM_1, {"sha256": "2", "stamp": 1.0}, 3, Kind.OUTDATED),
        (MADE_FROM_1, {"sha256": "1", "stamp": 1.0}, 2, Kind.ROWS_DIFFER),
        (None, {"sha256": "1", "stamp": 1.0}, 3, None),
        (None, None, 2, Kind.ROWS_DIFFER),
    ],
)
def test_a_day_is_compared_with_what_it_is_made_from(
    recorded: dict[str, Any] | None, source: dict[str, Any] | None, rows: int, expected: Kind | None
) -> None:
    found = source_difference("stg_things", recorded, rows, "raw_things", source, source_rows=3)
    assert (found.kind if found else None) == expected


def test_a_foreign_name_shows_no_control_character_and_takes_one_line() -> None:
    shown = str(stranger("storage", Path("a\nb\x1b[2J\udcff"), "a day"))
    assert shown == r"storage: foreign files: a\nb\x1b[2J\udcff is not a day: move it away"
