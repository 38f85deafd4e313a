"""What is recorded against what is stored: every kind of damage is found, and nothing else is."""

import ctypes
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from upath import UPath

from sales_assets.sales import FEED
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets.storage.comparison import Difference
from sales_assets.storage.feeds import layers_of
from sales_assets.storage.replace import directories_of
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.directories import DEAD
from sales_assets_tests.helpers.files import IRREGULAR, tree
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline, failed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

STEM = f"sales_{DAY}"
RAW = f"raw/sales/{DAY}/{STEM}.json"
QUARANTINE = f"quarantine/sales/{DAY}/{STEM}.jsonl"
Damage = Callable[[Pipeline], object]


def found(pipeline: Pipeline, *, fix: bool = False) -> list[Difference]:
    """Verify all days."""
    verification = Verification(pipeline.instance, layers_of(FEED, pipeline.resources))
    differences = verification.storage(fix=fix)
    for day in verification.days():
        differences += verification.day(day, fix=fix)
    return differences


def kinds(differences: list[Difference]) -> list[str]:
    return sorted(f"{difference.where}: {difference.kind}" for difference in differences)


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
        pipeline.api.days[DAYS[1]][0] += b"\n"
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


def test_a_healthy_storage_has_no_difference(stored: Pipeline) -> None:
    assert found(stored) == []


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def removing(path: str) -> Damage:
    return lambda pipeline: remove(pipeline.base / path)


def writing(*paths: str, text: str = "{}\n") -> Damage:
    """Put files somewhere, or change those that are there."""

    def write(pipeline: Pipeline) -> None:
        for path in paths:
            (pipeline.base / path).parent.mkdir(exist_ok=True)
            (pipeline.base / path).write_text(text)

    return write


def kill_a_run(pipeline: Pipeline) -> None:
    (pipeline.base / WORK / DEAD / "new").mkdir(parents=True)


def move_a_byte(pipeline: Pipeline) -> None:
    one, two = (pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_{number}.json" for number in (1, 2))
    one.write_bytes(one.read_bytes()[:-1])
    two.write_bytes(b"\n" + two.read_bytes())


def never_make_stg(pipeline: Pipeline) -> None:
    pipeline.instance.wipe_assets([stg_sales.key])
    for place in ("stg", "quarantine"):
        remove(pipeline.base / place)


def write_another_schema(pipeline: Pipeline) -> None:
    field = {"name": "id", "type": "string", "doc": "x" * 9999}
    schema = {"type": "record", "name": "Other", "fields": [field]}
    AvroFile(schema).write([{"id": "1"}], pipeline.stg().parent, STEM)


def lose_rows(pipeline: Pipeline) -> None:
    AvroFile(SALE.avro).write([], pipeline.stg().parent, STEM)


def lose_quarantine(pipeline: Pipeline) -> None:
    lost = pipeline.base / WORK / DEAD / "old"
    lost.mkdir(parents=True)
    (pipeline.base / QUARANTINE).parent.rename(lost / f"quarantine%2Fsales%2F{DAY}")


def link_quarantines(pipeline: Pipeline) -> None:
    shutil.rmtree(pipeline.base / "quarantine")
    (pipeline.base / "quarantine").symlink_to("x")


def renew_raw(pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [page(sale(price=3), sale(price="1"))]
    pipeline.run(selection=dg.AssetSelection.assets(raw_sales))


DROPPINGS = [
    *(f"{layer}/sales/{DAY}/.DS_Store" for layer in ("raw", "stg", "quarantine")),
    *("raw/sales/._x", "raw/sales/lost+found", f"{WORK}/.nfs123"),
]
DAMAGE: dict[str, tuple[Damage, list[str]]] = {
    "raw missing": (removing(f"raw/sales/{DAY}"), ["raw_sales: missing"]),
    "stg missing": (removing(f"stg/sales/{DAY}"), ["stg_sales: missing"]),
    "stg never made": (never_make_stg, ["stg_sales: missing"] * len(DAYS)),
    "a page missing": (removing(RAW), ["raw_sales: damaged"]),
    "raw unrecorded": (
        lambda pipeline: pipeline.instance.wipe_assets([raw_sales.key]),
        ["raw_sales: unrecorded"] * len(DAYS),
    ),
    "a byte changed": (
        writing(RAW, text=page(sale(), sale(price="2")).decode()),
        ["raw_sales: bytes changed"],
    ),
    "bytes moved from one page to the next": (move_a_byte, ["raw_sales: bytes changed"]),
    "rows lost": (lose_rows, ["stg_sales: bytes changed", "stg_sales: rows differ"]),
    "another schema": (write_another_schema, ["stg_sales: damaged"]),
    "raw is newer": (renew_raw, ["stg_sales: outdated"]),
    "an Avro file cut short": (
        lambda pipeline: os.truncate(pipeline.stg(), pipeline.stg().stat().st_size - 20),
        ["stg_sales: damaged"],
    ),
    "leftovers of a killed run": (kill_a_run, ["storage: leftovers"]),
    "droppings of the system": (
        writing(*DROPPINGS),
        ["quarantine: system files", *["storage: system files"] * 3],
    ),
    "quarantine lost between two renames": (lose_quarantine, ["storage: leftovers"]),
    "no directory where quarantines lie": (
        link_quarantines,
        ["quarantine: missing", "stg_sales: rows differ", "storage: foreign files"],
    ),
    "quarantine missing": (removing(QUARANTINE), ["quarantine: missing", "stg_sales: rows differ"]),
    "quarantine changed": (writing(QUARANTINE), ["quarantine: bytes changed"]),
    "a quarantine of which its day has no record": (
        writing(QUARANTINE.replace(DAY, DAYS[1])),
        ["quarantine: leftovers", "stg_sales: rows differ"],
    ),
    "a quarantine without a day": (
        writing(QUARANTINE.replace(DAY, "2022-08-20")),
        ["quarantine: leftovers"],
    ),
    "foreign files": (
        writing(
            f"raw/sales/{DAY}/notes.txt",
            f"stg/sales/{DAY}/.hidden",
            f"quarantine/sales/{DAY}/x",
            "raw/sales/notes.txt",
            f"{WORK}/notes",
        ),
        [f"{where}: foreign files" for where in ("quarantine", "raw_sales", "stg_sales")]
        + ["storage: foreign files"] * 2,
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_nothing_else(stored: Pipeline, damage: str) -> None:
    inflict, expected = DAMAGE[damage]
    inflict(stored)
    differences = found(stored)
    assert kinds(differences) == expected
    assert all(re.fullmatch(".{,400}", str(one)) for one in differences)
    assert any(one.matters for one in differences) == (damage != "droppings of the system")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a device")
@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_not_a_file_is_named_wherever_it_lies_and_stops_nobody(
    stored: Pipeline, kind: str
) -> None:
    aside = stored.base / "quarantine/sales"
    places = {
        stored.raw() / f"{STEM}.json": "raw_sales",
        stored.stg(): "stg_sales",
        aside / DAY / f"{STEM}.jsonl": "quarantine",
        stored.raw(DAYS[1]): "raw_sales",
        stored.stg(DAYS[1]).parent: "stg_sales",
    }
    if kind != "a directory":  # An empty quarantine is as good as none.
        places |= {aside / DAYS[2]: "quarantine", aside / "2022-08-20": "quarantine"}
    for path in places:
        remove(path)
        IRREGULAR[kind](path)
    differences = found(stored, fix=True)
    named = {one.where for one in differences if one.kind in ("damaged", "foreign files")}
    assert named == set(places.values())
    for path in places:
        assert any(str(path.parent) in one.detail for one in differences), path
        assert os.path.lexists(path)
    checks = stored.check(DAYS[0], DAYS[1])
    for name in ("raw_sales_is_as_recorded", "stg_sales_is_as_recorded"):
        assert [one.passed for one in checks[name].values()] == [False, False]


def test_what_is_recorded_of_another_storage_does_not_count(
    stored: Pipeline, tmp_path: Path
) -> None:
    other = Pipeline(stored.api, tmp_path / "other", stored.instance)
    for day in (DAYS[1], "2022-08-12"):
        stored.api.days[day] = [page(sale(purchase_date=day))]
        other.run(day)
    assert found(stored) == found(other) == []
    assert failed(stored.check()) == failed(other.check(DAYS[1])) == {}


def test_a_storage_is_the_same_by_way_of_a_symlink(stored: Pipeline, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stored.base)
    linked = Pipeline(stored.api, tmp_path / "link", stored.instance)
    assert found(linked) == []
    linked.run(DAYS[1])
    assert found(stored) == []


@contextmanager
def without_the_rights_of_root() -> Iterator[None]:
    """Have modes hold for root, too, in this thread."""
    # Version 3 of the header; then effective, permitted and inheritable ones, twice.
    header, held = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, held) == 0
    before = held[0]
    held[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, held) == 0
    try:
        yield
    finally:
        held[0] = before
        assert libc.capset(header, held) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs capabilities")
@pytest.mark.parametrize(
    "name",
    [
        *(WORK, "raw", "raw/sales", f"raw/sales/{DAY}", "stg/sales"),
        *("quarantine", f"quarantine/sales/{DAY}"),
    ],
)
@pytest.mark.parametrize("mode", [0, 0o600])
def test_a_directory_that_cannot_be_read_is_named_and_the_rest_is_compared(
    stored: Pipeline, name: str, mode: int
) -> None:
    (stored.stg(DAYS[2]).parent / "x").touch()
    unreadable = stored.base / name
    unreadable.chmod(mode)
    try:
        with without_the_rights_of_root():
            differences = found(stored, fix=True)
    finally:
        unreadable.chmod(0o755)
    named = [one.detail for one in differences if "give this user read access" in one.detail]
    assert named
    assert all(str(unreadable) in detail for detail in named)
    assert name == "stg/sales" or "stg_sales: foreign files" in kinds(differences)


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
    assert "stg_sales: unrecorded" in kinds(differences)
    assert [one.fixed for one in differences] == [False, False, True, True]
    assert tree(stored.base) == before


def test_marks_of_an_object_store_are_leftovers_that_stay() -> None:
    base = UPath("memory://marks-of-a-test")
    mark = base / ".work/raw/sales/D"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_bytes(b"x")
    directories_of(base).sweep()
    assert directories_of(base).leftovers() == [".work/raw/sales/D"]
