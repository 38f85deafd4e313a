"""A finished directory replaces an old one."""

import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath

from sales_assets.storage.replace import PublishError, reading, replacing
from sales_assets.storage.replace.local import WORK, _move_in_two_steps
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
    with replacing(base / DAY_DIR, base) as new:
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


def test_a_reader_of_the_old_directory_keeps_it_while_it_is_replaced(tmp_path: Path) -> None:
    publish(UPath(tmp_path), OLD)
    with (tmp_path / "raw/sales/D/2").open("rb") as file:
        publish(UPath(tmp_path), NEW)
        assert file.read() == b"old 2"


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    left = tmp_path / WORK / "dead"
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    with replacing(UPath(tmp_path / "raw/sales/E"), UPath(tmp_path)) as living:
        (living / "1").write_bytes(b"living")
        publish(UPath(tmp_path), NEW)
        assert not left.exists()
    assert tree(tmp_path) == {**NEW, "raw/sales/E/1": b"living"}


def test_a_day_lost_between_the_two_steps_comes_back(tmp_path: Path) -> None:
    publish(UPath(tmp_path), OLD)
    lost = tmp_path / WORK / "dead" / "old" / "raw" / "sales"
    lost.mkdir(parents=True)
    (tmp_path / "raw/sales/D").rename(lost / "D")
    with replacing(UPath(tmp_path / "raw/sales/E"), UPath(tmp_path)) as new:
        (new / "1").write_bytes(b"other")
    assert tree(tmp_path) == {**OLD, "raw/sales/E/1": b"other"}


def test_two_steps_replace_a_directory_too(tmp_path: Path) -> None:
    for name in ("target", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_bytes(b"")
    _move_in_two_steps(tmp_path / "new", tmp_path / "target", tmp_path / "work" / "old")
    assert set(tree(tmp_path)) == {"target/new", "work/old/target"}


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "raw/sales").mkdir(parents=True)
    (tmp_path / "raw/sales/D").write_bytes(b"mine")
    with pytest.raises(PublishError, match="is no directory"):
        publish(UPath(tmp_path), NEW)
    assert tree(tmp_path) == {"raw/sales/D": b"mine"}


def test_a_symlink_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_bytes(b"mine")
    (tmp_path / "base/raw/sales").mkdir(parents=True)
    (tmp_path / "base/raw/sales/D").symlink_to(elsewhere)
    with pytest.raises(PublishError, match="is no directory"):
        publish(UPath(tmp_path / "base"), NEW)
    assert tree(elsewhere) == {"mine": b"mine"}


def test_a_directory_that_leads_out_of_the_storage_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sales/D").mkdir(parents=True)
    (elsewhere / "sales/D/mine").write_bytes(b"mine")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/raw").symlink_to(elsewhere)
    base = UPath(tmp_path / "base")
    with pytest.raises(PublishError, match="leads out of BASE_DIR"):
        publish(base, NEW)
    with pytest.raises(PublishError, match="leads out of BASE_DIR"), reading(base / DAY_DIR, base):
        pass
    assert tree(elsewhere) == {"sales/D/mine": b"mine"}


def test_a_base_with_two_dots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PublishError, match="leads out of BASE_DIR"):
        publish(UPath(tmp_path / "a" / ".." / "b"), NEW)
    assert tree(tmp_path) == {}


def test_a_work_directory_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/mine").mkdir(parents=True)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / WORK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError, match="is a symlink"):
        publish(UPath(tmp_path / "base"), NEW)
    assert (tmp_path / "elsewhere/mine").is_dir()


def test_a_base_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(PublishError, match="cannot be written to"):
        publish(UPath(tmp_path / "file/base"), NEW)


def test_a_base_that_is_a_symlink_is_as_good_as_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "base").symlink_to(tmp_path / "real")
    publish(UPath(tmp_path / "base"), NEW)
    assert tree(tmp_path / "real") == NEW


def test_a_published_directory_has_the_permissions_of_any_new_one(tmp_path: Path) -> None:
    publish(UPath(tmp_path), NEW)
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "raw/sales/D").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_kill_9_while_writing_leaves_the_old_day_and_the_next_run_sweeps_up(
    tmp_path: Path,
) -> None:
    publish(UPath(tmp_path), OLD)
    code = (
        "import os, signal\n"
        "from upath import UPath\n"
        "from sales_assets.storage.replace import replacing\n"
        f"base = UPath({str(tmp_path)!r})\n"
        "with replacing(base / 'raw/sales/D', base) as new:\n"
        "    (new / '1').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603
    assert any((tmp_path / WORK).iterdir())
    publish(UPath(tmp_path), NEW)
    assert tree(tmp_path) == NEW
    assert not any((tmp_path / WORK).iterdir())
