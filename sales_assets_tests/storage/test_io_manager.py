"""The IO manager, with real Dagster instances, on disk and on a store that cannot rename."""

import re
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError

from sales_assets.feed.daily import knowingly
from sales_assets.feed.days import NoPartitionsError
from sales_assets.feed.page import Page
from sales_assets.feed.remedy import FailedDaysError, command
from sales_assets.feed.stream import (
    DayStream,
    EveryDayFailsError,
    PagesByDay,
    StaleDayError,
    StreamResult,
)
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.io_manager import UnlikeRecordedError
from sales_assets.storage.location import BASE_DIR_TAG, OtherStorageError
from sales_assets.storage.replace import ReplacedError
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY
from sales_assets_tests.helpers.things import THINGS, THINGS_DAYS, Things, Unreadable

SIDE_BY_SIDE = pytest.mark.parametrize("side_by_side", [1, 4])
FIRST, SECOND, LAST = DAYS


@pytest.fixture(params=["local", "memory"])
def anywhere(
    request: pytest.FixtureRequest, tmp_path: Path, instance: dg.DagsterInstance
) -> Things:
    """Things on each kind of storage."""
    local = request.param == "local"
    return Things(tmp_path if local else f"memory://{tmp_path.name}", instance)


@pytest.fixture
def things(tmp_path: Path, instance: dg.DagsterInstance) -> Things:
    """Things on a disk."""
    return Things(tmp_path, instance)


@SIDE_BY_SIDE
def test_each_day_of_a_range_is_stored_and_has_a_record_with_its_own_metadata(
    anywhere: Things, side_by_side: int
) -> None:
    pages = {f"2022-09-{day:02}": [b"%d " % day, b"2"] for day in range(1, 31)}
    assert anywhere.store(pages, side_by_side) == pages
    assert anywhere.times_recorded == dict.fromkeys(pages, 1)
    for day, record in anywhere.recorded.items():
        assert record["source"] == day
        assert record["path"].endswith(f"raw/things/{day}")
        assert (record["files"], record["bytes"]) == (2, len(b"".join(pages[day])))
        assert len(record["sha256"]) == 64


@pytest.mark.parametrize("failures", [2, 3])
def test_an_upload_that_fails_is_tried_again_and_a_day_that_is_left_torn_is_named(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    things = Things(f"memory://{tmp_path.name}", instance)
    things.store({day: [b"[1]", b"[2]"] for day in DAYS})
    left = [OSError("the store is away")] * failures
    store: Any = type(things.manager.base.fs)  # type: ignore[union-attr]
    put = store.put_file

    def put_unless_it_is_away(self: object, source: str, target: str) -> None:
        if left and target.endswith(f"{DAY}_2.json"):
            raise left.pop()
        put(self, source, target)

    monkeypatch.setattr(store, "put_file", put_unless_it_is_away)
    new = {day: [b"[3]", b"[4]"] for day in DAYS}
    if failures == 3:
        with pytest.raises(FailedDaysError) as error:
            things.store(new)
        assert f"1 of 3 days failed; existing data was kept, except for {DAY}\n" in str(error.value)
        assert "both the old and the new day, since its upload failed (OSError" in str(error.value)
        with pytest.raises(ReplacedError):
            things.manager.metadata(THINGS, DAY)
    assert things.store(new) == new


DAMAGE: dict[str, Callable[[list[bytes]], list[bytes | None]]] = {
    "no day": lambda _: [],
    "no page 2": lambda pages: [pages[0], None, pages[2]],
    "half a page": lambda pages: [pages[0][:-3], *pages[1:]],
    "no rows": lambda pages: [b"[]", *pages[1:]],
    "another price": lambda pages: [pages[0].replace(b'"price": 1', b'"price": 9'), *pages[1:]],
    "a byte moved": lambda pages: [pages[0] + pages[1][:1], pages[1][1:], pages[2]],
    "a page more": lambda pages: [*pages, b"[]"],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_day_that_is_missing_or_not_what_was_recorded_is_not_converted_and_the_others_are(
    pipeline: Pipeline, damage: str
) -> None:
    pipeline.run(FIRST, LAST, dg.AssetSelection.assets(raw_sales))
    shutil.rmtree(pipeline.raw(SECOND))
    for number, page in enumerate(DAMAGE[damage](pipeline.api.days[SECOND]), 1):
        pipeline.raw(SECOND).mkdir(exist_ok=True)
        if page is not None:
            (pipeline.raw(SECOND) / f"sales_{SECOND}_{number}.json").write_bytes(page)
    error = pipeline.error_of(FIRST, LAST, dg.AssetSelection.assets(stg_sales))
    assert "2 days were stored and recorded" in error
    assert command(["raw_sales", "stg_sales"], SECOND, SECOND) in error
    assert sorted(pipeline.recorded(stg_sales)) == [FIRST, LAST]
    assert not pipeline.stg(SECOND).exists()


def test_a_reversed_range_fails_and_records_nothing(anywhere: Things) -> None:
    with pytest.raises(NoPartitionsError, match="no day is selected"):
        anywhere.store({day: [b"[]"] for day in DAYS}, span=(LAST, FIRST))
    assert anywhere.times_recorded == {}


@SIDE_BY_SIDE
def test_a_day_that_fails_keeps_what_it_had_and_the_others_land_with_their_metadata(
    anywhere: Things, side_by_side: int
) -> None:
    anywhere.store({day: [b"[1]"] for day in DAYS}, side_by_side)
    pages = {day: [b"[2] "] for day in DAYS} | {SECOND: Unreadable(OSError("broken"))}
    with pytest.raises(FailedDaysError, match="1 of 3 days failed"):
        anywhere.store(pages, side_by_side)
    assert [*tree(anywhere.manager.base).values()] == [b"[2] ", b"[1]", b"[2] "]
    assert anywhere.times_recorded == {FIRST: 2, SECOND: 1, LAST: 2}
    recorded = anywhere.recorded
    assert [(recorded[day]["source"], recorded[day]["bytes"]) for day in DAYS] == [
        *((FIRST, 4), (SECOND, 3), (LAST, 4))
    ]


@pytest.mark.parametrize(
    ("last", "error", "said"),
    [
        (FIRST, dg.Failure("no answer"), "no answer"),
        (LAST, dg.Failure("no answer"), "no answer"),
        (LAST, ValueError("sent a-word-that-nobody-sees"), "ValueError('sent ***')"),
    ],
    ids=["a single day", "a range", "a secret in the error of a library"],
)
def test_a_day_that_fails_says_so_on_its_partition_and_shows_no_secret(
    things: Things, monkeypatch: pytest.MonkeyPatch, last: str, error: Exception, said: str
) -> None:
    monkeypatch.setenv("AUTH_TOKEN", "a-word-that-nobody-sees")
    pages = {day: [b"[2]"] for day in DAYS} | {FIRST: Unreadable(error)}
    with pytest.raises(dg.Failure, match=re.escape(said)) as failure:
        things.store(pages, span=(FIRST, last))
    assert isinstance(failure.value, FailedDaysError) == (last == LAST)
    assert str(failure.value).endswith(f" --partition {FIRST}")
    [observation] = things.observations
    assert observation.partition == FIRST
    assert observation.description == f"This day could not be stored: {said}"
    assert observation.metadata["remedy"].value == command(["raw_things", "reader"], FIRST, FIRST)


@pytest.mark.parametrize(
    "error", [EveryDayFailsError("refused"), KeyboardInterrupt()], ids=["no day works", "stopped"]
)
def test_a_range_that_ends_early_records_the_days_that_landed(
    anywhere: Things, error: BaseException
) -> None:
    with pytest.raises((FailedDaysError, KeyboardInterrupt, DagsterExecutionInterruptedError)):
        anywhere.store({FIRST: [b"[]"], SECOND: Unreadable(error), LAST: [b"[]"]})
    assert anywhere.times_recorded == {FIRST: 1}


def test_a_day_replaced_while_it_is_read_fails_the_reader(anywhere: Things) -> None:
    anywhere.store({DAY: [b"[1]", b"[2]"]})
    pages = iter(anywhere.open())
    assert next(pages).body == b"[1]"
    anywhere.store({DAY: [b"[3]", b"[4]"]})
    with pytest.raises(ReplacedError, match="run again"):
        list(pages)


def test_a_day_that_changed_while_it_was_read_is_read_again(things: Things) -> None:
    class Changing(list[bytes]):
        readings = 0

        def __iter__(self) -> Iterator[bytes]:
            self.readings += 1
            yield f"[{self.readings}]".encode()
            if self.readings < 3:
                raise StaleDayError("changed")

    assert things.store({DAY: Changing()}) == {DAY: [b"[3]"]}


def test_a_day_whose_source_is_replaced_before_it_is_stored_is_made_again(
    things: Things, tmp_path: Path
) -> None:
    """The stream of a stored day tells; what is made from it passes that on."""
    things.store({DAY: [b"[1]"]})
    source = things.open()
    seen: list[list[bytes]] = []

    def made_from() -> Generator[Page, None, StreamResult]:
        seen.append([page.body for page in source])
        yield from map(Page, seen[-1])
        if len(seen) == 1:
            things.store({DAY: [b"[2]"]})
        return StreamResult(is_current=source.result.is_current)

    with knowingly():

        @dg.asset(partitions_def=THINGS_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
        def copy_things() -> PagesByDay:
            return PagesByDay({DAY: DayStream(made_from)})

    dg.materialize([copy_things], resources={"io_manager": things.manager}, partition_key=DAY)
    assert seen == [[b"[1]"], [b"[2]"]]
    assert tree(tmp_path / "copy/things" / DAY) == {f"things_{DAY}.json": b"[2]"}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_range_that_ends_late_does_not_record_over_what_was_stored_meanwhile(
    things: Things, tmp_path: Path, damaged: bool
) -> None:
    class Later(list[bytes]):
        def __iter__(self) -> Iterator[bytes]:
            things.store({FIRST: [b"[]", b"[]"]})
            if damaged:
                (tmp_path / f"raw/things/{FIRST}/things_{FIRST}_2.json").write_bytes(b"{")
            yield b"[3]"

    with pytest.raises(UnlikeRecordedError) if damaged else nullcontext():
        things.store({FIRST: [b"[0]"], SECOND: Later()})
    recorded = things.recorded
    assert (recorded[FIRST]["files"], recorded[FIRST]["bytes"]) == (2, 4)
    assert recorded[SECOND]["bytes"] == 3


def test_a_run_that_is_meant_for_another_storage_is_refused(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    things = Things(tmp_path / "own", instance)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    with pytest.raises(OtherStorageError, match="is for the storage below"):
        things.store({DAY: [b"[1]"]}, tags={BASE_DIR_TAG: str(tmp_path / "other")})
    assert not (tmp_path / "own").exists()
    things.store({DAY: [b"[1]"]}, tags={BASE_DIR_TAG: str(tmp_path / "link")})
    assert tree(tmp_path / "own") == {f"raw/things/{DAY}/things_{DAY}.json": b"[1]"}
