"""The whole graph on an object store: a real S3 server (moto) on loopback."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg
import pytest
import requests
from upath import UPath

from sales_assets.sales.assets import SALES_DAYS
from sales_assets.storage import replace
from sales_assets.storage.day_directories import Layer
from sales_assets.storage.files import entries, open_file
from sales_assets.storage.io_manager import PartitionDirectoryIOManager
from sales_assets.storage.json_pages import JsonPages
from sales_assets.storage.replace import ReplacedError, directories_of
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.commands import Command
from sales_assets_tests.helpers.directories import DAY_DIR, in_place, publish, read
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.programs import killed_at
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.s3_server import BUCKET, running_s3
from sales_assets_tests.helpers.scripted_api import ScriptedApi

pytestmark = pytest.mark.slow

BOTH = "asset materialize -m sales_assets.definitions --select raw_sales,stg_sales"
MARK = "mark-of-another-run"


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[str]:
    """The address of an S3 server, which is in the environment, too."""
    with running_s3() as port, pytest.MonkeyPatch.context() as patch:
        address = f"http://127.0.0.1:{port}"
        patch.setenv("AWS_ENDPOINT_URL", address)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield address


@pytest.fixture
def base() -> UPath:
    path = UPath(f"s3://{BUCKET}/{uuid.uuid4()}")
    path.fs.invalidate_cache()
    return path


@pytest.fixture
def materialize(api: ScriptedApi, dagster: Command, base: UPath) -> Command:
    """Materialize both assets there by the command line."""
    settings = {"BASE_DIR": str(base), "SALES_API_URL": api.url, "AUTH_TOKEN": api.token}
    return partial(dagster, *BOTH.split(), **settings)


def objects(base: UPath) -> dict[str, bytes]:
    base.fs.invalidate_cache()
    return tree(base)


def test_the_graph_runs_on_s3_and_a_second_run_changes_no_byte(
    api: ScriptedApi, materialize: Command, base: UPath
) -> None:
    days = [DAY, "2022-08-10"]
    api.days = {day: [page(sale(purchase_date=day, price=n)) for n in range(3)] for day in days}
    (base / f"raw/sales/{DAY}/sales_{DAY}_99.json").write_bytes(b"[]")
    first = materialize("--partition-range", "...".join(days))
    assert first.returncode == 0, first.stderr
    stored = objects(base)
    assert set(stored) == {
        *(f"raw/sales/{day}/sales_{day}_{n}.json" for day in days for n in (1, 2, 3)),
        *(f"stg/sales/{day}/sales_{day}.avro" for day in days),
    }
    assert stored[f"raw/sales/{DAY}/sales_{DAY}_2.json"] == api.days[DAY][1]
    assert materialize("--partition-range", "...".join(days)).returncode == 0
    assert objects(base) == stored


def test_a_day_that_fails_keeps_what_it_had(
    api: ScriptedApi, materialize: Command, base: UPath
) -> None:
    old = f"stg/sales/{DAY}/sales_{DAY}.avro"
    (base / old).write_bytes(b"old")
    api.days[DAY] = [page(sale(price="1"))]
    assert materialize("--partition", DAY).returncode == 1
    assert objects(base) == {old: b"old", f"raw/sales/{DAY}/sales_{DAY}.json": api.days[DAY][0]}


@contextmanager
def requests_of(base: UPath) -> Iterator[list[str]]:
    asked: list[str] = []
    events = base.fs.s3.meta.events

    def note(request: Any, **_: object) -> None:
        asked.append(request.method)

    events.register("before-send.s3", note)
    try:
        yield asked
    finally:
        events.unregister("before-send.s3", note)


@pytest.mark.parametrize("stored", [True, False])
def test_a_directory_is_listed_in_one_request_even_if_nothing_is_there(
    base: UPath, stored: bool
) -> None:
    if stored:
        publish(base, {"1": b"old"})
    with requests_of(base) as asked:
        directories_of(base).state(base / DAY_DIR)
    assert asked == ["GET"]


def test_a_reading_takes_three_requests_beside_those_of_the_content(base: UPath) -> None:
    publish(base, {"1": b"a", "2": b"bc"})
    directory = base / DAY_DIR
    with requests_of(base) as asked, directories_of(base).reading(directory):
        files = entries(directory)
        assert [path.stat().st_size for path in files] == [1, 2]
        assert (directory / "2").exists()
        assert not (directory / "3").exists()
        with open_file(files[1]) as file:
            assert file.read() == b"bc"
    assert asked == ["GET"] * 4


def test_a_replacement_takes_five_requests_beside_those_of_the_content(base: UPath) -> None:
    for files in ({"1": b"old"}, {"1": b"new"}):
        with requests_of(base) as asked:
            publish(base, files)
        # Marks, a mark, the file, what is there, marks, the mark.
        assert asked == ["GET", "PUT", "PUT", "GET", "GET", "DELETE"]


def test_a_reading_that_begins_in_the_middle_of_a_replacement_fails(base: UPath) -> None:
    publish(base, {"1": b"old", "2": b"old"})
    mark = base / WORK / DAY_DIR / MARK
    mark.write_bytes(b"")
    directory = base / DAY_DIR
    (directory / "1").write_bytes(b"new")

    def go_on() -> None:
        (directory / "2").write_bytes(b"new")
        mark.unlink()

    with pytest.raises(ReplacedError), directories_of(base).reading(directory):
        go_on()


def write_elsewhere(server: str, base: UPath, *paths: str) -> None:
    """Write empty objects as another program does."""
    for path in paths:
        requests.put(f"{server}/{base.path}/{path}", timeout=30).raise_for_status()


def test_after_a_reading_nothing_of_it_is_believed(server: str, base: UPath) -> None:
    publish(base, {"1": b"old"})
    directory = base / DAY_DIR
    with pytest.raises(ReplacedError), directories_of(base).reading(directory):
        write_elsewhere(server, base, f"{WORK}/{DAY_DIR}/{MARK}", f"{DAY_DIR}/2")
    assert [path.name for path in entries(directory)] == ["1", "2"]


@pytest.mark.parametrize("line", [5, 8, 10, 13])
def test_a_crash_in_between_is_noticed_by_readers_and_mended_by_the_next_run(
    base: UPath, line: int
) -> None:
    publish(base, {"1": b"old", "2": b"old", "3": b"old"})
    new = {"1": b"new", "2": b"new"}

    def upload() -> None:
        # A process needs connections of its own.
        publish(UPath(str(base)), new)

    assert killed_at(line, upload, {replace.objects.__file__}, "_upload")
    with pytest.raises(ReplacedError, match="materialize it again"):
        read(base)
    publish(base, new)
    assert read(base) == new
    assert objects(base) == in_place(new)


def test_empty_objects_that_a_console_makes_for_folders_count_as_nothing(
    server: str, base: UPath
) -> None:
    pages = PartitionDirectoryIOManager(str(base), JsonPages())
    key, directory = dg.AssetKey("raw_sales"), base / "raw/sales" / DAY
    for path in ("raw", "raw/sales", f"raw/sales/{DAY}", ".work", f".work/raw/sales/{DAY}"):
        # Not by s3fs, of which an early one leaves out the slash at the end.
        write_elsewhere(server, base, f"{path}/", f"{path}_$folder$", f"{path}/_$folder$")
    assert pages.directories.state(directory) is None
    assert pages.directories.leftovers() == []
    (directory / f"sales_{DAY}.json").write_bytes(b"[]")
    assert pages.directories.state(directory) is not None
    assert pages.metadata(key, DAY)["files"] == 1
    with dg.DagsterInstance.ephemeral() as instance:
        verification = Verification(instance, [Layer(key, SALES_DAYS, pages)])
        assert verification.days() == [DAY]
        assert [one for one in verification.storage() if one.matters] == []
        assert [one.kind for one in verification.day(DAY)] == ["unrecorded"]
