"""A finished directory replaces an old one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath

from sales_assets.storage.location import location
from sales_assets.storage.replace import PublishError, directories_of, local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.files import tree

DAY_DIR = "raw/sales/D"
OLD = {"raw/sales/D/1": b"old 1", "raw/sales/D/2": b"old 2"}
DEAD = "0" * 32
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


def test_a_reader_of_the_old_directory_keeps_it_while_it_is_replaced(tmp_path: Path) -> None:
    publish(UPath(tmp_path), OLD)
    with (tmp_path / "raw/sales/D/2").open("rb") as file:
        publish(UPath(tmp_path), NEW)
        assert file.read() == b"old 2"


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    left = tmp_path / WORK / DEAD
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    with directories_of(tmp_path).replacing(tmp_path / "raw/sales/E") as [living]:
        (living / "1").write_bytes(b"living")
        publish(UPath(tmp_path), NEW)
        assert not left.exists()
    assert tree(tmp_path) == {**NEW, "raw/sales/E/1": b"living"}


def test_a_day_lost_between_the_two_steps_comes_back(tmp_path: Path) -> None:
    publish(UPath(tmp_path), OLD)
    lost = tmp_path / WORK / DEAD / "old"
    lost.mkdir(parents=True)
    (tmp_path / "raw/sales/D").rename(lost / "raw%2Fsales%2FD")
    with directories_of(tmp_path).replacing(tmp_path / "raw/sales/E") as [new]:
        (new / "1").write_bytes(b"other")
    assert tree(tmp_path) == {**OLD, "raw/sales/E/1": b"other"}


def test_a_reader_puts_a_lost_day_back(tmp_path: Path) -> None:
    publish(UPath(tmp_path), OLD)
    lost = tmp_path / WORK / DEAD / "old"
    lost.mkdir(parents=True)
    (tmp_path / "raw/sales/D").rename(lost / "raw%2Fsales%2FD")
    assert directories_of(tmp_path).exists(tmp_path / DAY_DIR)
    assert tree(tmp_path) == OLD


def test_two_steps_replace_a_directory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_libc", None)
    publish(UPath(tmp_path), OLD)
    publish(UPath(tmp_path), NEW)
    assert tree(tmp_path) == NEW
    assert not any((tmp_path / WORK).iterdir())


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


def test_a_directory_and_its_files_have_the_group_and_mode_of_what_they_replace(
    tmp_path: Path,
) -> None:
    publish(UPath(tmp_path), OLD)
    (tmp_path / DAY_DIR).chmod(0o2770)
    os.chown(tmp_path / DAY_DIR, -1, os.getgid())
    publish(UPath(tmp_path), NEW)
    assert stat.S_IMODE((tmp_path / DAY_DIR).stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / DAY_DIR / "1").stat().st_mode) == 0o660


def test_nobody_of_a_group_locks_the_others_out_by_a_strict_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    before = os.umask(0o077)
    try:
        publish(UPath(tmp_path), NEW)
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        expected = 0o2770 if path.is_dir() else 0o660
        assert (stat.S_IMODE(path.stat().st_mode), path) == (expected, path)


def test_kill_9_while_writing_leaves_the_old_day_and_the_next_run_sweeps_up(
    tmp_path: Path,
) -> None:
    publish(UPath(tmp_path), OLD)
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from sales_assets.storage.replace import directories_of\n"
        f"base = Path({str(tmp_path)!r})\n"
        "with directories_of(base).replacing(base / 'raw/sales/D') as [new]:\n"
        "    (new / '1').write_bytes(b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603
    assert any((tmp_path / WORK).iterdir())
    publish(UPath(tmp_path), NEW)
    assert tree(tmp_path) == NEW
    assert not any((tmp_path / WORK).iterdir())
