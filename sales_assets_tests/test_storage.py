"""The IO manager, with real Dagster instances, on disk and on a store that cannot rename."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from upath import UPath

from sales_assets.day_stream import DayStream, PagesByDay
from sales_assets.formats import JsonPages
from sales_assets.storage import (
    MissingPartitionError,
    NoPartitionsError,
    PartitionDirectoryIOManager,
)
from sales_assets_tests.conftest import DAY

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

DAYS = dg.DailyPartitionsDefinition(DAY)
RANGE = ("2022-08-09", "2022-08-10", "2022-08-11")


@pytest.fixture(params=["local", "file URL", "memory"])
def base_dir(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to store: each kind of base directory."""
    return {
        "local": str(tmp_path),
        "file URL": tmp_path.as_uri(),
        "memory": f"memory://{tmp_path.name}",
    }[request.param]


def content(directory: UPath) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def run(
    base_dir: str,
    instance: dg.DagsterInstance,
    pages: Mapping[str, list[bytes]],
    first: str = DAY,
    last: str | None = None,
) -> dict[str, list[bytes]]:
    """Store pages with one asset and read them with the next; give what the second one got."""
    seen: dict[str, list[bytes]] = {}

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
        return PagesByDay(
            {day: DayStream(pages[day], {"source": day}) for day in context.partition_keys}
        )

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def reader(raw_things: PagesByDay) -> None:
        seen.update({day: list(stream) for day, stream in raw_things.items()})

    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last or first,
    }
    dg.materialize(
        [raw_things, reader] if pages else [raw_things.to_source_asset(), reader],
        resources={"io_manager": PartitionDirectoryIOManager(base_dir, JsonPages())},
        instance=instance,
        tags=tags,
    )
    return seen


def test_a_partition_is_stored_in_its_directory_and_read_back(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    assert run(base_dir, instance, {DAY: [b"[1]", b"[2]"]}) == {DAY: [b"[1]", b"[2]"]}
    assert content(UPath(base_dir) / "raw" / "things" / DAY) == {
        f"things_{DAY}_1.json": b"[1]",
        f"things_{DAY}_2.json": b"[2]",
    }


def test_a_range_is_one_directory_a_day(base_dir: str, instance: dg.DagsterInstance) -> None:
    pages = {day: [day.encode()] for day in RANGE}
    assert run(base_dir, instance, pages, RANGE[0], RANGE[-1]) == pages
    for day in RANGE:
        assert content(UPath(base_dir) / "raw" / "things" / day) == {
            f"things_{day}.json": day.encode()
        }


def test_each_day_of_a_range_has_its_own_metadata(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    run(base_dir, instance, {day: [b"[]"] * 2 for day in RANGE}, RANGE[0], RANGE[-1])
    records = instance.fetch_materializations(dg.AssetKey("raw_things"), limit=10).records
    assert len(records) == len(RANGE)
    for record in records:
        materialization = record.asset_materialization
        assert materialization is not None
        metadata: dict[str, Any] = {k: v.value for k, v in materialization.metadata.items()}
        assert metadata["source"] == materialization.partition == record.partition_key
        assert metadata["path"].endswith(f"raw/things/{record.partition_key}")
        assert (metadata["files"], metadata["bytes"]) == (2, 4)
        assert len(metadata["sha256"]) == 64


def test_a_second_run_with_fewer_pages_leaves_none_of_the_old_ones(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    run(base_dir, instance, {DAY: [b"[1]", b"[2]", b"[3]"]})
    run(base_dir, instance, {DAY: [b"[4]"]})
    assert content(UPath(base_dir) / "raw" / "things" / DAY) == {f"things_{DAY}.json": b"[4]"}


def test_reading_a_day_that_was_never_stored_fails_and_names_it(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(MissingPartitionError, match=f"raw_things has no {DAY}.*materialize it"):
        run(base_dir, instance, {})


def test_a_reversed_range_fails_and_records_nothing(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    pages = {day: [b"[]"] for day in RANGE}
    with pytest.raises(NoPartitionsError, match="no partition is selected"):
        run(base_dir, instance, pages, RANGE[-1], RANGE[0])
    assert not instance.fetch_materializations(dg.AssetKey("raw_things"), limit=1).records
