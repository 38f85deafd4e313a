"""A day that is being written is locked, for as long as somebody writes it."""

import shutil
from pathlib import Path

import pytest

from sales_assets.http_jobs.directories import StoredDay
from sales_assets.http_jobs.locks import locked_day
from sales_assets.http_jobs.refusals import DayBusyError, RequestError
from sales_assets.storage.replace.work import WORK, sweep
from sales_assets_tests.helpers.rows import DAY


def locks_in(root: Path) -> list[Path]:
    return [*(root / WORK).iterdir()]


def test_a_day_is_locked_once_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    day = StoredDay(tmp_path, DAY)
    with locked_day(day):
        with pytest.raises(DayBusyError, match=f"{DAY} below '{tmp_path}' .* try again"):
            locked_day(day).__enter__()
        assert len(locks_in(tmp_path)) == 1
    assert locks_in(tmp_path) == []
    with locked_day(day):
        pass


def test_days_are_locked_apart(tmp_path: Path) -> None:
    with locked_day(StoredDay(tmp_path, DAY)), locked_day(StoredDay(tmp_path, "2022-08-10")):
        assert len(locks_in(tmp_path)) == 2


def test_a_run_that_sweeps_up_leaves_a_locked_day_alone(tmp_path: Path) -> None:
    with locked_day(StoredDay(tmp_path, DAY)):
        [lock] = locks_in(tmp_path)
        sweep(tmp_path / WORK)
        assert locks_in(tmp_path) == [lock]
    lock.mkdir()  # As a killed server would leave it.
    sweep(tmp_path / WORK)
    assert locks_in(tmp_path) == []


def test_a_file_that_somebody_puts_into_a_lock_goes_with_it(tmp_path: Path) -> None:
    with locked_day(StoredDay(tmp_path, DAY)):
        [lock] = locks_in(tmp_path)
        (lock / ".DS_Store").touch()
    assert locks_in(tmp_path) == []


def test_a_work_directory_that_is_deleted_meanwhile_does_no_harm(tmp_path: Path) -> None:
    with locked_day(StoredDay(tmp_path, DAY)):
        shutil.rmtree(tmp_path / WORK)
    with locked_day(StoredDay(tmp_path, DAY)):
        assert len(locks_in(tmp_path)) == 1


def test_a_storage_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="file cannot be written to"):
        locked_day(StoredDay(tmp_path / "file", DAY)).__enter__()
