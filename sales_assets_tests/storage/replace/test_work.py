"""Work in progress: what dead processes leave, and what living ones have."""

import logging
import queue
from concurrent.futures import ThreadPoolExecutor
from logging.handlers import QueueHandler
from pathlib import Path

import pytest

from sales_assets.storage.replace import PublishError, directories_of, work
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.directories import DEAD, NEW, in_place, publish
from sales_assets_tests.helpers.files import tree


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


def test_a_work_directory_that_is_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/mine").mkdir(parents=True)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / WORK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PublishError, match="is a symlink"):
        publish(tmp_path / "base", NEW)
    assert (tmp_path / "elsewhere/mine").is_dir()


def test_a_base_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(PublishError, match="cannot be written to"):
        publish(tmp_path / "file/base", NEW)


def test_a_wait_for_a_lock_that_somebody_else_holds_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "_SECONDS_IN_SILENCE", 0)
    (tmp_path / WORK).mkdir()
    said: queue.Queue[logging.LogRecord] = queue.Queue()
    handler = QueueHandler(said)
    logging.getLogger(work.__name__).addHandler(handler)
    try:
        with ThreadPoolExecutor() as pool:
            with work.locked(tmp_path / WORK):
                published = pool.submit(publish, tmp_path, NEW)
                text = said.get(timeout=60).getMessage()
                assert not published.done()
            published.result()
    finally:
        logging.getLogger(work.__name__).removeHandler(handler)
    assert text.startswith(f"waiting for the lock on {tmp_path / WORK}, held by another process")
