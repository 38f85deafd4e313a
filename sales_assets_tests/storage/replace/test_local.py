"""A finished directory replaces an old one on a local disk in two renames, if it has to."""

import os
from functools import partial
from pathlib import Path

import pytest

from sales_assets.storage.replace import directories_of, local
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import DAY_DIR, NEW, OLD, in_place, publish
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.programs import killed_at


@pytest.fixture(autouse=True)
def no_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without `renameat2`."""
    monkeypatch.setattr(local, "_libc", None)


def test_kill_9_between_two_renames_loses_no_day(tmp_path: Path) -> None:
    action = partial(publish, tmp_path, NEW)
    publish(tmp_path, OLD)
    step = 1
    while killed_at(step, action, {local.__file__}, "_move_in_two_steps"):
        with directories_of(tmp_path).replacing(tmp_path / "raw/sales/E") as living:
            # Other processes go on meanwhile.
            (living.new[0] / "1").write_bytes(b"living")
            assert directories_of(tmp_path).state(tmp_path / DAY_DIR) is not None
            assert tree(tmp_path / DAY_DIR) in (OLD, NEW)
        publish(tmp_path, OLD)
        assert not any((tmp_path / WORK).iterdir())
        step += 1
    assert step > 5
    assert tree(tmp_path) == in_place(NEW)


def test_a_run_that_is_stopped_between_two_renames_puts_the_day_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def interrupted(old: Path, new: Path, **directories: int) -> None:
        if "dst_dir_fd" in directories:
            raise KeyboardInterrupt
        rename(old, new, **directories)

    publish(tmp_path, OLD)
    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path, NEW)
    assert tree(tmp_path) == in_place(OLD)
    assert not any((tmp_path / WORK).iterdir())
