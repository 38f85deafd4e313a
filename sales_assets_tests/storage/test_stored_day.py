"""What tells one version of a stored day from another."""

from pathlib import Path

from sales_assets.feed.page import Page
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.stored_day import describe
from sales_assets_tests.helpers.rows import DAY

STEM = f"sales_{DAY}"


def test_the_hash_is_that_of_the_files_put_together(tmp_path: Path) -> None:
    JsonPages().write([Page(b"[1]"), Page(b"[2]")], tmp_path, STEM)
    (tmp_path / "together").write_bytes(b"[1][2]")
    parts = [tmp_path / f"{STEM}_{number}.json" for number in (1, 2)]
    assert describe(parts)["sha256"] == describe([tmp_path / "together"])["sha256"]
