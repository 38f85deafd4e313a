"""What is recorded against what is stored: every kind of damage is found, and nothing else is."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.replace import directories_of
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Difference, Layer, Verification
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

STEM = f"sales_{DAY}"


def found(pipeline: Pipeline, *, fix: bool = False) -> list[Difference]:
    """Verify all days."""
    verification = Verification(
        pipeline.instance,
        [
            Layer(raw_sales.key, pipeline.json_pages),
            Layer(stg_sales.key, pipeline.sales_avro, made_from=raw_sales.key),
        ],
    )
    differences = verification.storage(fix=fix)
    for day in verification.days():
        differences += verification.day(day, fix=fix)
    return differences


def kinds(differences: list[Difference]) -> list[tuple[str, str]]:
    return sorted((difference.where, difference.kind) for difference in differences)


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage and an instance with three days, one of them with a rejected row."""
    place = tmp_path_factory.mktemp("healthy")
    (place / "home").mkdir()
    with (
        ScriptedApi() as api,
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(str(place / "home")) as instance,
    ):
        patch.setenv("AUTH_TOKEN", api.token)
        pipeline = Pipeline(api, place / "storage", instance)
        pipeline.api.days[DAY] = [page(sale(), sale(price="1"))]
        pipeline.run(DAYS[0], DAYS[-1], allowed=1)
    return place


@pytest.fixture
def stored(healthy: Path, api: ScriptedApi) -> Iterator[Pipeline]:
    """That, to be damaged; where it was, since a record counts for the storage it names."""
    saved = healthy.with_name("saved")
    shutil.copytree(healthy, saved)
    with dg.DagsterInstance.local_temp(str(healthy / "home")) as instance:
        yield Pipeline(api, healthy / "storage", instance)
    shutil.rmtree(healthy)
    saved.rename(healthy)


def quarantine(pipeline: Pipeline, day: str = DAY) -> Path:
    return pipeline.base / f"quarantine/sales/{day}/sales_{day}.jsonl"


def change_a_byte(pipeline: Pipeline) -> None:
    path = pipeline.raw() / f"{STEM}.json"
    path.write_bytes(path.read_bytes().replace(b"TV", b"PC"))


def lose_rows(pipeline: Pipeline) -> None:
    AvroFile(SALE.avro).write([], pipeline.stg().parent, STEM)


def cut(pipeline: Pipeline) -> None:
    pipeline.stg().write_bytes(pipeline.stg().read_bytes()[:-20])


def kill_a_run(pipeline: Pipeline) -> None:
    (pipeline.base / WORK / ("0" * 32) / "new").mkdir(parents=True)


def put_aside(pipeline: Pipeline, day: str) -> None:
    quarantine(pipeline, day).parent.mkdir()
    quarantine(pipeline, day).write_text("{}\n")


DAMAGE: dict[str, tuple[Callable[[Pipeline], object], list[tuple[str, str]]]] = {
    "raw missing": (lambda p: shutil.rmtree(p.raw()), [("raw_sales", "missing")]),
    "stg missing": (lambda p: shutil.rmtree(p.stg().parent), [("stg_sales", "missing")]),
    "raw unrecorded": (
        lambda p: p.instance.wipe_assets([raw_sales.key]),
        [("raw_sales", "unrecorded")] * len(DAYS),
    ),
    "a byte changed": (change_a_byte, [("raw_sales", "bytes changed")]),
    "rows lost": (
        lose_rows,
        [
            ("stg_sales", "bytes changed"),
            ("stg_sales", "rows differ"),
            ("stg_sales", "rows differ"),
        ],
    ),
    "an Avro file cut short": (cut, [("stg_sales", "damaged")]),
    "a foreign file in raw": (
        lambda p: (p.raw() / "notes.txt").write_text("x"),
        [("raw_sales", "foreign files")],
    ),
    "a foreign file in stg": (
        lambda p: (p.stg().parent / ".hidden").write_text("x"),
        [("stg_sales", "foreign files")],
    ),
    "a file among the days": (
        lambda p: (p.raw().parent / "notes.txt").write_text("x"),
        [("storage", "foreign files")],
    ),
    "a page missing": (lambda p: (p.raw() / f"{STEM}.json").unlink(), [("raw_sales", "damaged")]),
    "leftovers of a killed run": (kill_a_run, [("storage", "leftovers")]),
    "quarantine missing": (
        lambda p: quarantine(p).unlink(),
        [("quarantine", "missing"), ("stg_sales", "rows differ")],
    ),
    "quarantine changed": (
        lambda p: quarantine(p).write_text("{}\n"),
        [("quarantine", "bytes changed")],
    ),
    "a foreign file in quarantine": (
        lambda p: quarantine(p).with_name("x").write_text(""),
        [("quarantine", "foreign files")],
    ),
    "a quarantine of which its day has no record": (
        lambda p: put_aside(p, DAYS[1]),
        [("quarantine", "leftovers"), ("stg_sales", "rows differ")],
    ),
    "a quarantine without a day": (
        lambda p: put_aside(p, "2022-08-20"),
        [("quarantine", "leftovers")],
    ),
}


def test_a_healthy_storage_has_no_difference(stored: Pipeline) -> None:
    assert found(stored) == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_nothing_else(stored: Pipeline, damage: str) -> None:
    inflict, expected = DAMAGE[damage]
    inflict(stored)
    assert kinds(found(stored)) == expected


def test_a_day_whose_raw_is_newer_differs_in_its_rows(stored: Pipeline) -> None:
    stored.api.days[DAY] = [page(sale(), sale(), sale())]
    stored.run(selection=dg.AssetSelection.assets(raw_sales))
    assert kinds(found(stored)) == [("stg_sales", "rows differ")]


def test_fixing_records_whole_days_and_sweeps_leftovers_and_changes_no_day(
    stored: Pipeline,
) -> None:
    before = tree(stored.base)
    stored.instance.wipe_assets([raw_sales.key, stg_sales.key])
    kill_a_run(stored)
    differences = found(stored, fix=True)
    assert len(differences) == 2 * len(DAYS) + 1
    assert all(difference.fixed for difference in differences)
    assert found(stored) == []
    assert tree(stored.base) == before
    assert not any((stored.base / WORK).iterdir())


def test_fixing_does_not_record_a_day_that_is_not_whole(stored: Pipeline) -> None:
    stored.instance.wipe_assets([stg_sales.key])
    lose_rows(stored)
    before = tree(stored.base)
    differences = found(stored, fix=True)
    assert ("stg_sales", "unrecorded") in kinds(differences)
    assert [one.fixed for one in differences] == [False, False, True, True]
    assert tree(stored.base) == before


def test_a_run_that_is_alive_is_not_a_leftover(stored: Pipeline) -> None:
    with directories_of(stored.base).replacing(stored.raw("2022-08-20")):
        assert found(stored, fix=True) == []


def test_marks_of_an_object_store_are_leftovers_that_stay() -> None:
    base = UPath("memory://marks-of-a-test")
    mark = base / ".work/raw/sales/D"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(b"x")
    directories_of(base).sweep()
    assert directories_of(base).leftovers() == [".work/raw/sales/D"]
