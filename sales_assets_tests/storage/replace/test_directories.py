"""What holds for a directory that replaces another, wherever it lies."""

from pathlib import Path

import pytest
from upath import UPath

from sales_assets.storage.location import Location, location
from sales_assets.storage.replace import PublishError, directories_of
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import DAY_DIR, NEW, OLD, in_place, publish, read
from sales_assets_tests.helpers.files import tree


@pytest.fixture(params=["local", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """An empty storage, on disk and on a store that cannot rename."""
    return location(str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}")


def test_a_new_directory_replaces_all_of_the_old_one_without_litter(base: Location) -> None:
    publish(base, OLD)
    (base / DAY_DIR / "foreign").write_bytes(b"?")
    publish(base, NEW)
    assert tree(base) == in_place(NEW)


def test_the_state_of_a_new_directory_is_told_and_lasts_until_that_is_replaced(
    base: Location,
) -> None:
    publish(base, OLD)
    told = publish(base, NEW, aside={})
    assert told == directories_of(base).state(base / DAY_DIR)
    publish(base, OLD)
    assert told != directories_of(base).state(base / DAY_DIR)


def test_the_state_that_is_told_heeds_what_lies_below_a_directory(tmp_path: Path) -> None:
    # On an object store alone: what a directory does not hold itself is not deleted there.
    base = UPath(f"memory://{tmp_path.name}")
    base.fs.pipe_file(f"{(base / DAY_DIR).path}/below/foreign", b"?")
    assert publish(base, NEW) == directories_of(base).state(base / DAY_DIR)


def test_a_file_in_the_place_of_a_directory_that_stays_empty_fails_nothing(tmp_path: Path) -> None:
    (tmp_path / "quarantine").write_bytes(b"mine")
    publish(tmp_path, NEW, aside={})
    assert tree(tmp_path) == {"quarantine": b"mine", **in_place(NEW)}


@pytest.mark.parametrize(
    ("place", "target", "error"),
    [
        (DAY_DIR, None, "is not a directory"),
        (DAY_DIR, "elsewhere/sales/D", "is not a directory"),
        (DAY_DIR, "nowhere", "is not a directory"),
        ("raw", "elsewhere", "points outside BASE_DIR"),
        (WORK, "elsewhere", "a link or a file is where"),
        (WORK, f"base/{WORK}", "a link or a file is where"),
        ("", None, "cannot be written to"),
        *((loop, f"base/{loop}", "a link or a file is where") for loop in ("", "raw", "raw/sales")),
    ],
)
def test_a_file_or_a_symlink_on_the_way_to_the_directory_is_refused_and_not_read(
    tmp_path: Path, place: str, target: str | None, error: str
) -> None:
    base = tmp_path / "base"
    (tmp_path / "elsewhere/sales/D").mkdir(parents=True)
    (tmp_path / "elsewhere/sales/D/1").write_bytes(b"mine")
    (base / place).parent.mkdir(parents=True, exist_ok=True)
    if target is None:
        (base / place).write_bytes(b"mine")
    else:
        (base / place).symlink_to(tmp_path / target)
    before = tree(tmp_path)
    with pytest.raises(PublishError, match=error):
        publish(base, NEW)
    assert tree(tmp_path) == before
    with pytest.raises((PublishError, OSError)):
        read(base)


@pytest.mark.parametrize(
    ("base", "error"), [("a/../b", "points outside BASE_DIR"), ("x" * 300, "File name too long")]
)
def test_a_base_with_two_dots_and_one_that_is_too_long_are_refused(
    tmp_path: Path, base: str, error: str
) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PublishError, match=error):
        publish(tmp_path / base, NEW)
    assert tree(tmp_path) == {}
