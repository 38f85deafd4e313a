"""What holds for a directory that replaces another, wherever it lies."""

from pathlib import Path

import pytest
from upath import UPath

from sales_assets.storage.location import Location, location
from sales_assets.storage.replace import PublishError, directories_of
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


def test_a_failure_leaves_the_old_directory_and_no_litter(base: Location) -> None:
    publish(base, OLD)
    with pytest.raises(TypeError):
        publish(base, {**NEW, "2": "not bytes"})  # type: ignore[dict-item]
    assert tree(base) == in_place(OLD)


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw/sales").mkdir(parents=True)
    (tmp_path / DAY_DIR).write_bytes(b"mine")
    with pytest.raises(PublishError, match="is not a directory"):
        publish(tmp_path, NEW)
    assert tree(tmp_path) == {DAY_DIR: b"mine"}


@pytest.mark.parametrize(
    ("link", "error"), [(DAY_DIR, "is not a directory"), ("raw", "points outside BASE_DIR")]
)
def test_a_symlink_on_the_way_to_the_directory_is_refused(
    tmp_path: Path, link: str, error: str
) -> None:
    elsewhere, base = tmp_path / "elsewhere", tmp_path / "base"
    (elsewhere / "sales/D").mkdir(parents=True)
    (elsewhere / "sales/D/mine").write_bytes(b"mine")
    (base / link).parent.mkdir(parents=True)
    (base / link).symlink_to(elsewhere)
    with pytest.raises(PublishError, match=error):
        publish(base, NEW)
    with pytest.raises(PublishError, match=error):
        read(base)
    assert tree(elsewhere) == {"sales/D/mine": b"mine"}


@pytest.mark.parametrize("link", ["", "raw", "raw/sales", ".work"])
def test_a_symlink_to_itself_is_named(tmp_path: Path, link: str) -> None:
    place = tmp_path / "base" / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(place)
    with pytest.raises(
        PublishError, match=r"a link or a file is where a directory should be|is a symlink"
    ):
        publish(tmp_path / "base", NEW)


def test_a_base_with_two_dots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PublishError, match="points outside BASE_DIR"):
        publish(tmp_path / "a" / ".." / "b", NEW)
    assert tree(tmp_path) == {}
