"""A finished directory replaces an old one on a local disk."""

from pathlib import Path

import pytest

from sales_assets.storage.replace import local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import NEW, OLD, in_place, publish
from sales_assets_tests.helpers.files import tree


def test_two_steps_replace_a_directory_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_libc", None)
    publish(tmp_path, OLD)
    publish(tmp_path, NEW)
    assert tree(tmp_path) == in_place(NEW)
    assert not any((tmp_path / WORK).iterdir())
