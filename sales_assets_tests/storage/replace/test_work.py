"""Work in progress: what dead processes leave, and what living ones have."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sales_assets.storage.replace import directories_of, work
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import DEAD, NEW, in_place, publish
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.programs import wait_for


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_writes_is_not(
    tmp_path: Path,
) -> None:
    left = tmp_path / WORK / DEAD
    left.mkdir(parents=True)
    (left / "file").write_bytes(b"half")
    with directories_of(tmp_path).replacing(tmp_path / "raw/sales/E") as living:
        (living.new[0] / "1").write_bytes(b"living")
        publish(tmp_path, NEW)
        assert not left.exists()
        living.publish(lambda: None)
    assert tree(tmp_path) == {**in_place(NEW), "raw/sales/E/1": b"living"}


def test_a_wait_for_a_lock_that_somebody_else_holds_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(work, "_SECONDS_IN_SILENCE", 0)
    (tmp_path / WORK).mkdir()
    with ThreadPoolExecutor() as pool:
        with work.locked(tmp_path / WORK):
            published = pool.submit(publish, tmp_path, NEW)
            text = f"waiting for the lock on {tmp_path / WORK}, held by another process"
            wait_for("the log", lambda: text in caplog.text)
            assert not published.done()
        published.result()
