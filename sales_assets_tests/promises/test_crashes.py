"""A run is killed, stopped or starved at every step: each day is wholly old or wholly new."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import fastavro
import pytest

import sales_assets.storage
from sales_assets.sales.assets import stg_sales
from sales_assets.storage.replace import PublishError, local
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import materialize, sales_layers
from sales_assets_tests.helpers.programs import Program, fork, in_child, killed_at
from sales_assets_tests.helpers.rows import DAY, days_from, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

OLD = [page(sale(client="old", price=n)) for n in range(3)]
NEW = [page(sale(client="new", price=n)) for n in range(2)]
STORAGE = Path(sales_assets.storage.__file__).parent
States = tuple[dict[str, bytes], dict[str, bytes]]
TRACED = {*map(str, STORAGE.rglob("*.py")), shutil.__file__}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
def states(api: ScriptedApi, base: Path) -> States:
    """The storage with the old day, in which it is left, and with the new one."""
    api.days[DAY] = NEW
    materialize(base, api.url)
    new = tree(base)
    api.days[DAY] = OLD
    materialize(base, api.url)
    old = tree(base)
    api.days[DAY] = NEW
    return old, new


def part(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    return {path: content for path, content in files.items() if path.startswith(name)}


def killed(base: Path, run: Callable[[], None], files: set[str], steps: range) -> Iterator[int]:
    """Kill a run at many steps of these files, each time on the same storage; give each step."""
    saved = shutil.copytree(base, base.with_name("saved"))
    for step in steps:
        if not killed_at(step, run, files):
            return
        yield step
        shutil.rmtree(base)
        shutil.copytree(saved, base)


@pytest.mark.parametrize(
    "stride",
    [199, pytest.param(47, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.soak)],
)
def test_kill_9_at_many_steps_leaves_each_day_old_or_new(
    api: ScriptedApi, base: Path, states: States, stride: int
) -> None:
    old, new = states

    def run() -> None:
        materialize(base, api.url)

    for step in killed(base, run, TRACED, range(min(5, stride), 10_000, stride)):
        left = tree(base)
        for name in ("raw", "stg"):
            assert part(left, name) in (part(old, name), part(new, name)), (step, name)
        assert in_child(run) == 0, step
        assert tree(base) == new, step
        assert not any((base / WORK).iterdir()), step
    assert step > 200


@pytest.mark.parametrize(
    "kills",
    [1, pytest.param(10, marks=pytest.mark.slow), pytest.param(500, marks=pytest.mark.soak)],
)
def test_a_range_killed_at_random_leaves_each_day_old_or_new_and_the_next_run_is_recorded(
    api: ScriptedApi, base: Path, tmp_path: Path, new_home: Path, kills: int
) -> None:
    home, draw = shutil.copytree(new_home, tmp_path / "home"), random.Random(kills)  # noqa: S311
    days = days_from(DAY, 6)
    whole: dict[int, dict[str, bytes]] = {}

    def serve(pages: int) -> None:
        for day in days:
            api.days[day] = [page(sale(purchase_date=day, price=pages + n)) for n in range(pages)]

    def run() -> None:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            materialize(base, api.url, days[0], days[-1], instance=instance)

    for version in (3, 5):
        serve(version)
        started = time.monotonic()
        assert in_child(run) == 0
        whole[version] = tree(base)
    length = time.monotonic() - started
    for kill in range(kills):
        version = (3, 5)[kill % 2]
        serve(version)
        child = fork(run)
        time.sleep(draw.uniform(0.2, 1.1) * length)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        left = tree(base)
        for name in (f"{layer}/sales/{day}/" for layer in ("raw", "stg") for day in days):
            assert part(left, name) in [part(files, name) for files in whole.values()], kill
        assert in_child(run) == 0
        assert tree(base) == whole[version], kill
        with dg.DagsterInstance.from_config(str(home)) as instance:
            verification = Verification(instance, sales_layers(base))
            assert [one for day in days for one in verification.day(day)] == [], kill
            assert verification.storage() == [], kill


@pytest.mark.slow
@pytest.mark.parametrize("bad_before", [True, False])
def test_kill_9_never_leaves_a_row_in_neither_the_day_nor_its_quarantine(
    base: Path, bad_before: bool
) -> None:
    raw = base / f"raw/sales/{DAY}/sales_{DAY}.json"
    raw.parent.mkdir(parents=True)
    good, bad = (page(sale(client="kept"), sale(price=price)) for price in (1, "1"))

    def run() -> None:
        materialize(base, "http://unused", assets=[stg_sales], allowed=1)

    raw.write_bytes(bad if bad_before else good)
    run()
    raw.write_bytes(good if bad_before else bad)
    for step in killed(base, run, {local.__file__}, range(1, 10_000, 3)):
        [avro] = base.glob("stg/**/*.avro")
        with avro.open("rb") as file:
            rows = len(list(fastavro.reader(file)))
        aside = sum(path.read_bytes().count(b"\n") for path in base.glob("quarantine/**/*.jsonl"))
        assert rows + aside >= 2, step
    assert step > 20
    assert bool([*base.glob("quarantine/**/*.jsonl")]) != bad_before


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda stop: stop.name)
def test_a_run_that_is_stopped_records_the_days_that_it_stored_and_leaves_the_others_and_no_litter(
    api: ScriptedApi,
    base: Path,
    states: States,
    environment: dict[str, str],
    stop: signal.Signals,
) -> None:
    stored = "2022-08-10"
    api.days[stored] = [page(sale(purchase_date=stored))]
    api.fail(date=DAY, page=2, status=503)
    command = "dagster asset materialize -m sales_assets.definitions --select raw_sales,stg_sales"
    settings = {"BASE_DIR": str(base), "SALES_API_URL": api.url, "AUTH_TOKEN": api.token}
    with Program(
        [sys.executable, "-m", *command.split(), "--partition-range", f"{DAY}...{stored}"],
        cwd=base.parent,
        env={**environment, **settings},
    ) as run:
        run.wait_until((base / "raw/sales" / stored).exists, seconds=300)
        run.send_signal(stop)
        assert run.wait(timeout=300) != 0
    [page_of_it] = api.days[stored]
    new = {f"raw/sales/{stored}/sales_{stored}.json": page_of_it}
    assert tree(base) == {**states[0], **new}
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("raw_sales")) == {stored}
    assert not any((base / WORK).iterdir())


def test_a_file_that_may_not_grow_fails_the_day_which_keeps_what_it_had(
    api: ScriptedApi, base: Path, states: States
) -> None:
    api.days[DAY] = [page(*[sale(client="new" * 1000)] * 9)]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        materialize(base, api.url)

    assert in_child(limited) != 0
    assert tree(base) == states[0]


@pytest.fixture
def small_base(api: ScriptedApi, small_disk: Path) -> Path:
    api.days[DAY] = OLD
    materialize(small_disk / "storage", api.url)
    return small_disk / "storage"


def test_a_full_disk_fails_the_day_which_keeps_what_it_had(
    api: ScriptedApi, small_base: Path
) -> None:
    old = tree(small_base)
    api.days[DAY] = [page(*[sale(client="new" * 1000, price=n)] * 9) for n in range(20)]
    with pytest.raises(OSError, match="No space left"):
        materialize(small_base, api.url)
    assert tree(small_base) == old
    assert not any((small_base / WORK).iterdir())


def test_a_read_only_disk_fails_the_day_and_says_so(api: ScriptedApi, small_base: Path) -> None:
    old, disk = tree(small_base), small_base.parent
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)  # noqa: S603, S607
    with pytest.raises(PublishError, match=r"BASE_DIR .* cannot be written to"):
        materialize(small_base, api.url)
    assert tree(small_base) == old
