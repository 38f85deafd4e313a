"""Where the days of assets lie, and what is said of one that is stored."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.storage.day_directories import (
    DayDirectories,
    Layer,
    MissingPartitionError,
    SharedDirectoryError,
    kept_apart,
)
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.rows import DAY

KEY = dg.AssetKey("raw_things")


EACH_WAY = pytest.mark.parametrize("way", ["recorded", "known"])


@pytest.fixture
def days(tmp_path: Path) -> DayDirectories:
    """A storage that holds a day of two pages."""
    directory = tmp_path / "raw/things" / DAY
    directory.mkdir(parents=True)
    (directory / f"things_{DAY}_1.json").write_bytes(b"[1, 2]")
    (directory / f"things_{DAY}_2.json").write_bytes(b"[3]")
    return DayDirectories(str(tmp_path), JsonPages())


def test_assets_of_one_name_with_different_prefixes_share_no_directory(tmp_path: Path) -> None:
    days = DayDirectories(str(tmp_path), JsonPages())
    keys = [dg.AssetKey(["a", "raw_things"]), dg.AssetKey(["b", "raw_things"]), KEY]
    assert [days.place(key, DAY) for key in keys] == [
        (tmp_path / "raw" / prefix / "things" / DAY, f"things_{DAY}") for prefix in ("a", "b", "")
    ]
    assert len({days.quarantine(key, DAY).file for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("other", "has_quarantine"),
    [
        (["raw_things"], False),
        (["a/b", "raw_things"], False),
        (["A", "b", "raw_Things"], False),
        (["raw_a"], False),
        (["stg_a/b/things"], True),
        (["quarantine_a/b/things"], False),
    ],
)
def test_two_layers_of_one_directory_are_refused(
    tmp_path: Path, other: list[str], has_quarantine: bool
) -> None:
    storage = DayDirectories(str(tmp_path), JsonPages(), has_quarantine=True)
    more = DayDirectories(str(tmp_path), JsonPages(), has_quarantine=has_quarantine)
    days = dg.DailyPartitionsDefinition(DAY)
    layers = [
        Layer(KEY, days, storage),
        Layer(dg.AssetKey(["a", "b", "raw_things"]), days, storage),
    ]
    assert kept_apart(layers) == layers
    with pytest.raises(SharedDirectoryError, match=r"would both store days in .*: rename one"):
        kept_apart([*layers, Layer(dg.AssetKey(other), days, more)])


def test_a_stored_day_is_described_with_its_place(days: DayDirectories, tmp_path: Path) -> None:
    metadata = days.metadata(KEY, DAY)
    assert (metadata["dagster/row_count"], metadata["files"], metadata["bytes"]) == (3, 2, 9)
    assert metadata["path"].value == str(tmp_path / "raw/things" / DAY)


def test_a_day_that_was_never_stored_is_named(days: DayDirectories) -> None:
    with pytest.raises(MissingPartitionError, match=r"has no day 2022-08-10 .*materialize"):
        days.metadata(KEY, "2022-08-10")


def record(instance: dg.DagsterInstance, **metadata: Any) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY, partition=DAY, metadata=metadata)
    )


@EACH_WAY
def test_what_is_recorded_of_a_day_meanwhile_is_found(
    days: DayDirectories, instance: dg.DagsterInstance, way: str
) -> None:
    recorded = getattr(days, way)
    assert recorded(instance, KEY, [DAY]) == {}
    metadata = days.metadata(KEY, DAY)
    record(instance, **metadata)
    assert recorded(instance, KEY, [DAY])[DAY]["sha256"] == metadata["sha256"]
    record(instance, **{**metadata, "sha256": "another"})
    assert recorded(instance, KEY, [DAY])[DAY]["sha256"] == "another"


@EACH_WAY
def test_what_is_recorded_in_another_instance_is_not_taken_for_that_of_this_one(
    days: DayDirectories, instance: dg.DagsterInstance, way: str
) -> None:
    recorded = getattr(days, way)
    with dg.DagsterInstance.ephemeral() as other:
        for one, digest in ((instance, "here"), (other, "there")):
            record(one, **{**days.metadata(KEY, DAY), "sha256": digest})
        found = [recorded(one, KEY, [DAY])[DAY]["sha256"] for one in (instance, other)]
    assert found == ["here", "there"]


def test_a_record_that_is_known_is_not_fetched_again(
    days: DayDirectories, instance: dg.DagsterInstance
) -> None:
    record(instance, **days.metadata(KEY, DAY))
    first, second = (days.known(instance, KEY, [DAY, "2022-08-10"])[DAY] for _ in range(2))
    assert first is second
