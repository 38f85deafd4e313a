"""The pages of a day as files."""

from pathlib import Path

import pytest

from sales_assets.feed.page import Page
from sales_assets.storage.files import InvalidPartitionError
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.streams import bodies_of

STEM = f"sales_{DAY}"


def test_pages_are_numbered_from_1_and_page_10_is_read_after_page_9(tmp_path: Path) -> None:
    pages = [b"[%d]" % number for number in range(1, 13)]
    JsonPages().write(map(Page, pages), tmp_path, STEM)
    assert tree(tmp_path)[f"{STEM}_12.json"] == b"[12]"
    files = JsonPages().files(tmp_path, STEM)
    assert bodies_of(JsonPages().read(files)) == pages


def test_a_day_without_a_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidPartitionError, match="has no page"):
        JsonPages().write([], tmp_path, STEM)


@pytest.mark.parametrize(
    "names",
    [
        "",
        f"{STEM}_1.json {STEM}_3.json",
        f"{STEM}_0.json",
        f"{STEM}_01.json",
        f"{STEM}.json {STEM}_1.json",
        "sales_2022-08-10.json",
    ],
)
def test_a_directory_that_is_not_a_day_of_pages_is_refused(tmp_path: Path, names: str) -> None:
    for name in names.split():
        (tmp_path / name).write_bytes(b"[]")
    with pytest.raises(InvalidPartitionError, match="materialize this partition again"):
        JsonPages().files(tmp_path, STEM)
