"""The IO manager, with real Dagster instances, on disk and on a store that cannot rename."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from upath import UPath

from sales_assets.feed.days import NoPartitionsError
from sales_assets.feed.page import Page
from sales_assets.feed.remedy import FailedDaysError, command
from sales_assets.feed.stream import (
    DayStream,
    EveryDayFailsError,
    Facts,
    PagesByDay,
    StaleDayError,
)
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.day_directories import MissingPartitionError
from sales_assets.storage.io_manager import (
    PartitionDirectoryIOManager,
    UnlikeRecordedError,
)
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.location import BASE_DIR_TAG, OtherStorageError
from sales_assets.storage.replace import ReplacedError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.streams import bodies_of, stream_of

pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`")

DAYS = dg.DailyPartitionsDefinition(DAY)
SIDE_BY_SIDE = pytest.mark.parametrize("side_by_side", [1, 4])
RANGE = ("2022-08-09", "2022-08-10", "2022-08-11")


@pytest.fixture(params=["local", "memory"])
def base_dir(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to store: each kind of base directory."""
    return str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"


def content(directory: UPath) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


class Unreadable(list[bytes]):
    """The pages of a day that cannot be read to their end."""

    def __init__(self, error: BaseException) -> None:
        """Fail with `error` after a page."""
        super().__init__()
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        """Give a page, and fail."""
        yield b"[0]"
        raise self._error


def recorded(instance: dg.DagsterInstance) -> dict[str | None, int]:
    """Count the materializations of each day."""
    records = instance.fetch_materializations(dg.AssetKey("raw_things"), limit=100).records
    return dict(Counter(record.partition_key for record in records))


def run(
    base_dir: str,
    instance: dg.DagsterInstance,
    pages: Mapping[str, list[bytes]],
    first: str = DAY,
    last: str | None = None,
    side_by_side: int = 1,
) -> dict[str, list[bytes]]:
    """Store pages with one asset and read them with the next; give what the second one got."""
    seen: dict[str, list[bytes]] = {}

    def facts(day: str) -> dict[str, Any]:
        return {"source": day, "dagster/row_count": 0}

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def raw_things(context: dg.AssetExecutionContext) -> PagesByDay:
        return PagesByDay(
            {day: stream_of(pages[day], facts(day)) for day in context.partition_keys},
            side_by_side,
        )

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def reader(raw_things: PagesByDay) -> None:
        seen.update({day: bodies_of(stream) for day, stream in raw_things.items()})

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


def open_day(manager: PartitionDirectoryIOManager, instance: dg.DagsterInstance) -> DayStream[Page]:
    """Open the day of `raw_things` as an asset that is made of it would."""
    with dg.build_input_context(
        asset_key=dg.AssetKey("raw_things"),
        asset_partitions_def=DAYS,
        asset_partition_key_range=dg.PartitionKeyRange(DAY, DAY),
        instance=instance,
    ) as context:
        stream: DayStream[Page] = manager.load_input(context)[DAY]
    return stream


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


@pytest.mark.parametrize("failures", [2, 3])
def test_an_upload_that_fails_is_tried_again_and_a_day_that_is_left_torn_is_named(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    base_dir = f"memory://{tmp_path.name}"
    run(base_dir, instance, {day: [b"[1]", b"[2]"] for day in RANGE}, RANGE[0], RANGE[-1])
    left = [OSError("the store is away")] * failures
    store = type(UPath(base_dir).fs)
    put = store.put_file

    def put_unless_it_is_away(self: object, source: str, target: str) -> None:
        if left and target.endswith(f"{DAY}_2.json"):
            raise left.pop()
        put(self, source, target)

    monkeypatch.setattr(store, "put_file", put_unless_it_is_away)
    new = {day: [b"[3]", b"[4]"] for day in RANGE}
    if failures == 2:
        assert run(base_dir, instance, new, RANGE[0], RANGE[-1]) == new
        return
    with pytest.raises(FailedDaysError) as error:
        run(base_dir, instance, new, RANGE[0], RANGE[-1])
    assert f"1 of 3 days failed; existing data was kept, except for {DAY}\n" in str(error.value)
    assert "of the old day and of the new one, since its upload failed (OSError" in str(error.value)
    with pytest.raises(ReplacedError):
        PartitionDirectoryIOManager(base_dir, JsonPages()).describe(dg.AssetKey("raw_things"), DAY)
    assert run(base_dir, instance, new, RANGE[0], RANGE[-1]) == new


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


def test_a_day_that_was_never_stored_keeps_no_other_from_being_converted(
    pipeline: Pipeline,
) -> None:
    for day in (RANGE[0], RANGE[2]):
        pipeline.run(day, selection=dg.AssetSelection.assets(raw_sales))
    error = pipeline.error_of(RANGE[0], RANGE[2], dg.AssetSelection.assets(stg_sales))
    assert f"raw_sales has no {RANGE[1]}" in error
    assert "2 days were stored and recorded" in error
    assert command(["raw_sales", "stg_sales"], RANGE[1], RANGE[1]) in error
    assert sorted(pipeline.recorded(stg_sales)) == [RANGE[0], RANGE[2]]


@pytest.mark.parametrize("content", [None, b"", b"[{", b"{}", b"[]", b"[1]"])
def test_a_damaged_day_of_a_range_is_to_be_pulled_again_before_it_is_converted(
    pipeline: Pipeline, content: bytes | None
) -> None:
    pipeline.run(RANGE[0], RANGE[2], dg.AssetSelection.assets(raw_sales))
    page = pipeline.raw(RANGE[1]) / f"sales_{RANGE[1]}_2.json"
    if content is None:
        page.unlink()
    else:
        page.write_bytes(content)
    error = pipeline.error_of(RANGE[0], RANGE[2], dg.AssetSelection.assets(stg_sales))
    assert command(["raw_sales", "stg_sales"], RANGE[1], RANGE[1]) in error


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"1": b"[9]", "2": b"[2]"}, id="another number"),
        pytest.param({"1": b"[1][", "2": b"2]"}, id="a byte that moved to the page before"),
        pytest.param({"1": b"[1]", "2": b"[2]", "3": b"[]"}, id="a page more"),
    ],
)
def test_a_day_that_is_not_what_was_recorded_is_not_read(
    tmp_path: Path, instance: dg.DagsterInstance, change: dict[str, bytes]
) -> None:
    run(str(tmp_path), instance, {DAY: [b"[1]", b"[2]"]})
    for number, page in change.items():
        (tmp_path / f"raw/things/{DAY}/things_{DAY}_{number}.json").write_bytes(page)
    with pytest.raises(UnlikeRecordedError, match=f"{DAY}: raw_things: .* materialize it again"):
        run(str(tmp_path), instance, {})


def test_a_day_of_which_nothing_is_recorded_is_read_and_said_to_be_unknown(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    with dg.DagsterInstance.ephemeral() as elsewhere:
        run(base_dir, elsewhere, {DAY: [b"[1]", b"[2]"]})
    manager = PartitionDirectoryIOManager(base_dir, JsonPages())
    reading = open_day(manager, instance).reading()
    assert [page.body for page in reading] == [b"[1]", b"[2]"]
    directory = str(manager.directory(dg.AssetKey("raw_things"), DAY))
    assert reading.result.metadata["never_recorded"] == directory


def test_a_reversed_range_fails_and_records_nothing(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    pages = {day: [b"[]"] for day in RANGE}
    with pytest.raises(NoPartitionsError, match="no day is selected"):
        run(base_dir, instance, pages, RANGE[-1], RANGE[0])
    assert not instance.fetch_materializations(dg.AssetKey("raw_things"), limit=1).records


@SIDE_BY_SIDE
def test_a_day_that_fails_keeps_what_it_had_and_the_others_land(
    base_dir: str, instance: dg.DagsterInstance, side_by_side: int
) -> None:
    run(base_dir, instance, {day: [b"[1]"] for day in RANGE}, RANGE[0], RANGE[-1], side_by_side)
    pages = {day: [b"[2]"] for day in RANGE} | {RANGE[1]: Unreadable(OSError("broken"))}
    with pytest.raises(FailedDaysError, match="1 of 3 days failed"):
        run(base_dir, instance, pages, RANGE[0], RANGE[-1], side_by_side)
    stored = [content(UPath(base_dir) / "raw" / "things" / day) for day in RANGE]
    assert [list(files.values()) for files in stored] == [[b"[2]"], [b"[1]"], [b"[2]"]]
    assert recorded(instance) == {RANGE[0]: 2, RANGE[1]: 1, RANGE[2]: 2}


@SIDE_BY_SIDE
def test_a_day_that_lands_in_a_failed_range_is_recorded_with_its_metadata(
    base_dir: str, instance: dg.DagsterInstance, side_by_side: int
) -> None:
    pages = {day: [b"[2]"] for day in RANGE} | {RANGE[1]: Unreadable(OSError("broken"))}
    with pytest.raises(FailedDaysError):
        run(base_dir, instance, pages, RANGE[0], RANGE[-1], side_by_side)
    records = instance.fetch_materializations(dg.AssetKey("raw_things"), limit=9).records
    assert [record.partition_key for record in records] == [RANGE[2], RANGE[0]]
    for record in records:
        assert record.asset_materialization is not None
        assert record.asset_materialization.metadata["source"].value == record.partition_key
        assert record.asset_materialization.metadata["bytes"].value == 3


def test_each_day_that_fails_says_so_on_its_partition(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    pages = {day: [b"[2]"] for day in RANGE} | {RANGE[1]: Unreadable(dg.Failure("no answer"))}
    with pytest.raises(FailedDaysError):
        run(str(tmp_path), instance, pages, RANGE[0], RANGE[-1])
    [record] = instance.fetch_observations(dg.AssetKey("raw_things"), limit=9).records
    observation = record.asset_observation
    assert observation is not None
    assert observation.partition == RANGE[1]
    assert observation.description == "This day could not be stored: no answer"
    assert observation.metadata["remedy"].value == command(
        ["raw_things", "reader"], RANGE[1], RANGE[1]
    )


def test_an_error_of_a_library_shows_no_secret_on_the_partition(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "a-word-that-nobody-sees")
    pages = {day: [b"[2]"] for day in RANGE}
    pages[RANGE[1]] = Unreadable(ValueError("sent a-word-that-nobody-sees"))
    with pytest.raises(FailedDaysError) as failure:
        run(str(tmp_path), instance, pages, RANGE[0], RANGE[-1])
    [record] = instance.fetch_observations(dg.AssetKey("raw_things"), limit=9).records
    assert record.asset_observation is not None
    for text in (str(failure.value), record.asset_observation.description or ""):
        assert "ValueError('sent ***')" in text


def test_a_single_day_that_fails_says_so_on_its_partition(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    with pytest.raises(dg.Failure, match=rf"^no answer\n.*:\n  .* --partition {DAY}$"):
        run(str(tmp_path), instance, {DAY: Unreadable(dg.Failure("no answer"))})
    [record] = instance.fetch_observations(dg.AssetKey("raw_things"), limit=9).records
    assert record.partition_key == DAY


def test_the_days_before_one_that_stops_the_range_are_recorded(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    pages = {day: [b"[]"] for day in RANGE} | {RANGE[1]: Unreadable(EveryDayFailsError("refused"))}
    with pytest.raises(FailedDaysError, match="1 day more was not tried"):
        run(base_dir, instance, pages, RANGE[0], RANGE[-1])
    assert recorded(instance) == {RANGE[0]: 1}


def test_a_range_that_is_stopped_records_the_days_that_landed(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    pages = {day: [b"[]"] for day in RANGE} | {RANGE[2]: Unreadable(KeyboardInterrupt())}
    with pytest.raises((KeyboardInterrupt, DagsterExecutionInterruptedError)):
        run(base_dir, instance, pages, RANGE[0], RANGE[-1])
    assert recorded(instance) == {RANGE[0]: 1, RANGE[1]: 1}


def test_a_day_replaced_while_it_is_read_fails_the_reader(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    run(base_dir, instance, {DAY: [b"[1]", b"[2]"]})
    manager = PartitionDirectoryIOManager(base_dir, JsonPages())
    pages = iter(open_day(manager, instance))
    assert next(pages).body == b"[1]"
    run(base_dir, instance, {DAY: [b"[3]", b"[4]"]})
    with pytest.raises(ReplacedError, match="run again"):
        list(pages)


def test_days_side_by_side_are_all_stored_and_recorded(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    days = [f"2022-09-{day:02}" for day in range(1, 31)]
    pages = {day: [f"{day} {n}".encode() for n in range(3)] for day in days}
    assert run(base_dir, instance, pages, days[0], days[-1], side_by_side=8) == pages
    assert recorded(instance) == dict.fromkeys(days, 1)


def test_a_day_that_changed_while_it_was_read_is_read_again(
    base_dir: str, instance: dg.DagsterInstance
) -> None:
    class Changing(list[bytes]):
        readings = 0

        def __iter__(self) -> Iterator[bytes]:
            self.readings += 1
            yield f"[{self.readings}]".encode()
            if self.readings < 3:
                raise StaleDayError("changed")

    run(base_dir, instance, {DAY: Changing()})
    assert content(UPath(base_dir) / "raw" / "things" / DAY) == {f"things_{DAY}.json": b"[3]"}


def test_a_day_whose_source_is_replaced_before_it_is_stored_is_made_again(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    """The stream of a stored day tells; what is made from it passes that on."""
    run(str(tmp_path), instance, {DAY: [b"[1]"]})
    manager = PartitionDirectoryIOManager(str(tmp_path), JsonPages())
    source = open_day(manager, instance)
    seen: list[list[bytes]] = []

    def made_from() -> Generator[Page, None, Facts]:
        reading = source.reading()
        seen.append([page.body for page in reading])
        yield from map(Page, seen[-1])
        if len(seen) == 1:
            run(str(tmp_path), instance, {DAY: [b"[2]"]})
        return Facts(is_current=reading.result.is_current)

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def copy_things() -> PagesByDay:
        return PagesByDay({DAY: DayStream(made_from)})

    dg.materialize([copy_things], resources={"io_manager": manager}, partition_key=DAY)
    assert seen == [[b"[1]"], [b"[2]"]]
    assert content(UPath(tmp_path) / "copy/things" / DAY) == {f"things_{DAY}.json": b"[2]"}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_range_that_ends_late_does_not_record_over_what_was_stored_meanwhile(
    tmp_path: Path, instance: dg.DagsterInstance, damaged: bool
) -> None:
    class Later(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            run(str(tmp_path), instance, {DAY: [b"[]", b"[]"]})
            if damaged:
                (tmp_path / f"raw/things/{DAY}/things_{DAY}_2.json").write_bytes(b"{")
            yield b"[3]"

    manager = PartitionDirectoryIOManager(str(tmp_path), JsonPages())
    with pytest.raises(UnlikeRecordedError) if damaged else nullcontext():
        run(str(tmp_path), instance, {DAY: [b"[0]"], RANGE[1]: Later()}, DAY, RANGE[1])
    recorded = manager.recorded(instance, dg.AssetKey("raw_things"))
    assert (recorded[DAY]["files"], recorded[DAY]["bytes"]) == (2, 4)
    assert recorded[RANGE[1]]["bytes"] == 3


def test_a_run_that_is_meant_for_another_storage_is_refused(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def raw_things() -> PagesByDay:
        return PagesByDay({DAY: stream_of([b"[1]"])})

    (tmp_path / "link").symlink_to(tmp_path / "own")
    manager = PartitionDirectoryIOManager(str(tmp_path / "own"), JsonPages())

    def materialize(root: Path) -> None:
        dg.materialize(
            [raw_things],
            resources={"io_manager": manager},
            partition_key=DAY,
            tags={BASE_DIR_TAG: str(root)},
        )

    with pytest.raises(OtherStorageError, match="is for the storage below"):
        materialize(tmp_path / "other")
    assert not (tmp_path / "own").exists()
    materialize(tmp_path / "link")
    assert tree(tmp_path / "own") == {f"raw/things/{DAY}/things_{DAY}.json": b"[1]"}
