"""What an instance has recorded of days."""

from typing import Any

import dagster as dg
import pytest

from sales_assets.storage import day_directories
from sales_assets.storage.day_directories import DayDirectories
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.recorded import is_made_from, next_stamp

KEY = dg.AssetKey("raw_things")
STORAGE = DayDirectories("/here", JsonPages())
GOOD = {"sha256": "1", "dagster/row_count": 1}


def record(instance: dg.DagsterInstance, day: str | None, **metadata: Any) -> None:
    """Record a day as a run does, with something changed; None leaves a value out."""
    every = {**GOOD, **STORAGE.path(KEY, day or ""), **metadata}
    values = {name: value for name, value in every.items() if value is not None}
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, None, values, day))


def found(instance: dg.DagsterInstance, days: list[str] | None = None) -> dict[str, Any]:
    """Give the hash of each day that counts."""
    recorded = STORAGE.recorded(instance, KEY, days)
    return {day: metadata["sha256"] for day, metadata in recorded.items()}


def test_the_record_with_the_latest_stamp_counts_in_whatever_order_they_came(
    instance: dg.DagsterInstance,
) -> None:
    record(instance, "2022-08-09", sha256="early", stamp=1.0)
    record(instance, "2022-08-09", sha256="late", stamp=3.0)
    record(instance, "2022-08-09", sha256="between", stamp=2.0)
    assert found(instance) == {"2022-08-09": "late"}


@pytest.mark.parametrize("before", [1.0, 1e9, 4e9, 1e18, 1e300])
def test_a_stamp_is_later_than_that_of_the_record_before_whatever_the_clock_says(
    before: float,
) -> None:
    assert next_stamp({"stamp": before}) > before


@pytest.mark.parametrize(
    ("made", "is_current"),
    [
        ({"made_from_sha256": "1", "stamp": 1.0}, True),
        ({"made_from_sha256": "2", "stamp": 9.0}, False),
        ({"made_from_sha256": "", "stamp": 9.0}, False),
        ({"stamp": 9.0}, True),
        ({"stamp": 1.0}, False),
    ],
)
def test_a_day_is_current_by_the_content_that_it_was_made_from(
    made: dict[str, Any], is_current: bool
) -> None:
    assert is_made_from(made, {"sha256": "1", "stamp": 5.0}) == is_current


def test_days_of_interest_are_given_and_of_all_more_than_dagster_gives_at_once(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_directories, "_AT_ONCE", 2)
    days = [f"2022-08-{day}" for day in range(10, 15)]
    for day in days:
        record(instance, day)
    assert sorted(found(instance)) == days
    assert sorted(found(instance, ["2022-08-09", "2022-08-10"])) == ["2022-08-10"]
    assert found(instance, []) == {}


@pytest.mark.parametrize("day", [None, "all", "20220809", "2022-02-30", "2022-08-09 "])
def test_a_record_of_what_is_not_a_day_does_not_count(
    instance: dg.DagsterInstance, day: str | None
) -> None:
    record(instance, day)
    assert found(instance) == {}


@pytest.mark.parametrize(
    "odd",
    [
        {"path": dg.MetadataValue.path("/elsewhere")},
        {"path": None},
        {"path": "/a\x00\n"},
        {"sha256": None},
        {"dagster/row_count": "x"},
        {"stamp": float("inf")},
        {"made_from_sha256": 7},
        {"unknown_fields": "none"},
        {"rejected_rows": [1]},
        dict.fromkeys((*GOOD, "path")),
    ],
    ids=str,
)
def test_a_record_made_by_hand_does_not_count(
    instance: dg.DagsterInstance, odd: dict[str, Any]
) -> None:
    record(instance, "2022-08-09", **{**odd, "stamp": odd.get("stamp", 1e12)})
    assert found(instance) == {}
    record(instance, "2022-08-09")
    assert found(instance) == {"2022-08-09": "1"}
