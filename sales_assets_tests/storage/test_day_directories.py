"""Where the days of assets are stored, and what is recorded about them."""

from pathlib import Path

import dagster as dg
import pytest

from sales_assets.storage.day_directories import (
    DayDirectories,
    Layer,
    MissingPartitionError,
    kept_apart,
)
from sales_assets.storage.json_pages import JsonPages
from sales_assets_tests.helpers.rows import DAY

KEY = dg.AssetKey("raw_things")


@pytest.fixture
def days(tmp_path: Path) -> DayDirectories:
    """A storage without a day."""
    return DayDirectories(str(tmp_path), JsonPages(), has_quarantine=True)


def test_assets_of_one_name_with_different_prefixes_share_no_directory(
    days: DayDirectories, tmp_path: Path
) -> None:
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
    days: DayDirectories, other: list[str], has_quarantine: bool
) -> None:
    partitions = dg.DailyPartitionsDefinition(DAY)
    more = DayDirectories(str(days.base), JsonPages(), has_quarantine=has_quarantine)
    keys = [KEY, dg.AssetKey(["a", "b", "raw_things"])]
    layers = [Layer(key, partitions, days) for key in keys]
    assert kept_apart(layers) == layers
    with pytest.raises(ValueError, match=r"would both store days in .*: rename one"):
        kept_apart([*layers, Layer(dg.AssetKey(other), partitions, more)])


def test_a_day_that_was_never_stored_is_named(days: DayDirectories) -> None:
    with pytest.raises(MissingPartitionError, match=r"has no day 2022-08-09 .*materialize"):
        days.metadata(KEY, DAY)


def record(days: DayDirectories, instance: dg.DagsterInstance, digest: str) -> None:
    metadata = {"dagster/row_count": 1, "sha256": digest, **days.path(KEY, DAY)}
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, None, metadata, DAY))


def test_what_is_known_of_a_day_is_fetched_again_only_after_something_was_recorded(
    days: DayDirectories, instance: dg.DagsterInstance
) -> None:
    assert days.known(instance, KEY, [DAY]) == {}
    record(days, instance, "here")
    known = days.known(instance, KEY, [DAY])[DAY]
    assert days.known(instance, KEY, [DAY])[DAY] is known
    with dg.DagsterInstance.ephemeral() as other:
        for one, digest in ((other, "there"), (instance, "here again")):
            record(days, one, digest)
            assert days.known(one, KEY, [DAY])[DAY]["sha256"] == digest
