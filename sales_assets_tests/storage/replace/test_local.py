"""A finished directory replaces an old one on a local disk."""

import os
import stat
from pathlib import Path

import pytest

from sales_assets.storage.replace import local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import DAY_DIR, NEW, OLD, in_place, publish
from sales_assets_tests.helpers.files import tree


def test_a_reader_of_the_old_directory_keeps_it_while_it_is_replaced(tmp_path: Path) -> None:
    publish(tmp_path, OLD)
    with (tmp_path / "raw/sales/D/2").open("rb") as file:
        publish(tmp_path, NEW)
        assert file.read() == b"old 2"


def test_two_steps_replace_a_directory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_libc", None)
    publish(tmp_path, OLD)
    publish(tmp_path, NEW)
    assert tree(tmp_path) == in_place(NEW)
    assert not any((tmp_path / WORK).iterdir())


def test_a_base_that_is_a_symlink_is_as_good_as_its_target(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "base").symlink_to(tmp_path / "real")
    publish(tmp_path / "base", NEW)
    assert tree(tmp_path / "real") == in_place(NEW)


def test_a_directory_and_its_files_have_the_group_and_mode_of_what_they_replace(
    tmp_path: Path,
) -> None:
    publish(tmp_path, OLD)
    (tmp_path / DAY_DIR).chmod(0o2770)
    os.chown(tmp_path / DAY_DIR, -1, os.getgid())
    publish(tmp_path, NEW)
    assert stat.S_IMODE((tmp_path / DAY_DIR).stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / DAY_DIR / "1").stat().st_mode) == 0o660


def test_nobody_of_a_group_locks_the_others_out_by_a_strict_umask(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    before = os.umask(0o077)
    try:
        publish(tmp_path, NEW)
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        expected = 0o2770 if path.is_dir() else 0o660
        assert (stat.S_IMODE(path.stat().st_mode), path) == (expected, path)
