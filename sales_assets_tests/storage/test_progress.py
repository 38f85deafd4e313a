"""What is said of an asset while it is stored, and in the end."""

import logging
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from sales_assets.storage.progress import Progress, advise_on_events

LOG = logging.getLogger("test_progress")
DAYS = ("2022-08-09", "2022-08-10", "2022-08-11", "2022-08-12")


@pytest.fixture(autouse=True)
def _lines_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def stored(day: str, rows: int, change: str) -> dict[str, dict[str, Any]]:
    path = dg.MetadataValue.path(f"/base/raw/sales/{day}")
    return {day: {"dagster/row_count": rows, "change": change, "path": path}}


@pytest.mark.parametrize(("failed", "said"), [(0, ""), (2, " 2 failed,")])
def test_a_range_says_how_far_it_has_come_when_it_is_time(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, failed: int, said: str
) -> None:
    for seconds in (0, 3600):
        monkeypatch.setattr("sales_assets.storage.progress._SECONDS_BETWEEN_LINES", seconds)
        progress = Progress("raw_sales", DAYS, LOG)
        progress.show(stored(DAYS[0], 1338, "unchanged"), failed)
    [line] = caplog.messages
    assert line.startswith(f"raw_sales: 1 of 4 days stored,{said} 1,338 rows, ")


CHANGES = ("first version", "unchanged", "+3 -1 rows", "same rows, different bytes")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "raw_sales 2022-08-09: 400 rows, first version, in /base/raw/sales/2022-08-09"),
        (4, "raw_sales: 4 days stored (2 changed, 1 new, 1 unchanged), 1,600 rows, "),
    ],
)
def test_in_the_end_it_says_what_changed(
    caplog: pytest.LogCaptureFixture, count: int, said: str
) -> None:
    days: dict[str, dict[str, Any]] = {}
    for day, change in zip(DAYS[:count], CHANGES[:count], strict=True):
        days |= stored(day, 400, change)
    Progress("raw_sales", [*days], LOG).end(days)
    [line] = caplog.messages
    assert line.startswith(said)


def test_a_long_range_in_a_home_that_stores_events_one_by_one_is_told_what_to_add(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    days = [f"2022-08-{day:02}" for day in range(1, 31)]

    def told(instance: dg.DagsterInstance, days: list[str]) -> list[str]:
        caplog.clear()
        advise_on_events(LOG, instance, days)
        return [record.getMessage() for record in caplog.records if record.name == LOG.name]

    with dg.DagsterInstance.local_temp(str(tmp_path)) as plain:
        assert told(plain, days[:2]) == []
        [text] = told(plain, days)
    added = yaml.safe_load(text.partition("dagster.yaml:\n")[2])
    with dg.instance_for_test(overrides=added) as instance:
        assert told(instance, days) == []
