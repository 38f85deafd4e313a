"""A finished directory replaces an old one on a local disk."""

from pathlib import Path

import pytest

from sales_assets.storage.replace import local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import NEW, OLD, in_place, publish
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
