"""What holds for a directory that replaces another, wherever it lies."""

from pathlib import Path

import pytest
from upath import UPath

from sales_assets.storage.location import location
from sales_assets.storage.replace import PublishError, directories_of
from sales_assets_tests.helpers.files import tree

DAY_DIR = "raw/sales/D"


OLD = {"raw/sales/D/1": b"old 1", "raw/sales/D/2": b"old 2"}


NEW = {"raw/sales/D/1": b"new 1"}


@pytest.fixture(params=["local", "memory"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """An empty storage, on disk and on a store that cannot rename."""
    if request.param == "local":
        return UPath(tmp_path)
    return UPath(f"memory://{tmp_path.name}")


def publish(base: UPath, files: dict[str, bytes]) -> None:
    with directories_of(location(str(base))).replacing(location(str(base)) / DAY_DIR) as [new]:
        for name, content in files.items():
            (new / Path(name).name).write_bytes(content)


def stored(base: UPath) -> dict[str, bytes]:
    return {
        path.path.removeprefix(base.path).lstrip("/"): path.read_bytes()
        for path in base.rglob("*")
        if path.is_file()
    }


def test_the_first_directory_is_published_without_litter(base: UPath) -> None:
    publish(base, OLD)
    assert stored(base) == OLD


def test_a_new_directory_replaces_all_of_the_old_one(base: UPath) -> None:
    publish(base, OLD)
    (base / "raw/sales/D/foreign").write_bytes(b"?")
    publish(base, NEW)
    assert stored(base) == NEW


def test_a_failure_leaves_the_old_directory_and_no_litter(base: UPath) -> None:
    publish(base, OLD)
    with pytest.raises(TypeError):
        publish(base, {**NEW, "raw/sales/D/2": "not bytes"})  # type: ignore[dict-item]
    assert stored(base) == OLD


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw/sales").mkdir(parents=True)
    (tmp_path / "raw/sales/D").write_bytes(b"mine")
    with pytest.raises(PublishError, match="is not a directory"):
        publish(UPath(tmp_path), NEW)
    assert tree(tmp_path) == {"raw/sales/D": b"mine"}


def test_a_symlink_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_bytes(b"mine")
    (tmp_path / "base/raw/sales").mkdir(parents=True)
    (tmp_path / "base/raw/sales/D").symlink_to(elsewhere)
    with pytest.raises(PublishError, match="is not a directory"):
        publish(UPath(tmp_path / "base"), NEW)
    assert tree(elsewhere) == {"mine": b"mine"}


def test_a_directory_that_leads_out_of_the_storage_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sales/D").mkdir(parents=True)
    (elsewhere / "sales/D/mine").write_bytes(b"mine")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/raw").symlink_to(elsewhere)
    base = UPath(tmp_path / "base")
    directories = directories_of(tmp_path / "base")
    with pytest.raises(PublishError, match="leads out of BASE_DIR"):
        publish(base, NEW)
    with (
        pytest.raises(PublishError, match="leads out of BASE_DIR"),
        directories.reading(tmp_path / "base" / DAY_DIR),
    ):
        pass
    assert tree(elsewhere) == {"sales/D/mine": b"mine"}


def test_a_base_with_two_dots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PublishError, match="leads out of BASE_DIR"):
        publish(UPath(tmp_path / "a" / ".." / "b"), NEW)
    assert tree(tmp_path) == {}
