"""A day that is being written is locked, for as long as somebody writes it."""

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


def test_a_run_that_sweeps_up_leaves_a_locked_day_alone(tmp_path: Path) -> None:
    with locked_day(StoredDay(tmp_path, DAY)):
        [lock] = locks_in(tmp_path)
        sweep(tmp_path / WORK)
        assert locks_in(tmp_path) == [lock]
    lock.mkdir()  # As a killed server would leave it.
    sweep(tmp_path / WORK)
    assert locks_in(tmp_path) == []


def test_a_storage_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="file cannot be written to"):
        locked_day(StoredDay(tmp_path / "file", DAY)).__enter__()
