"""Several processes at the same days at once: no mixture, no loss, no litter."""

import shutil
from contextlib import suppress
from pathlib import Path

import dagster as dg
import fastavro
import pytest

from sales_assets.feed.remedy import FailedDaysError
from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.storage.io_manager import UnlikeRecordedError
from sales_assets.storage.replace import ReplacedError
from sales_assets.storage.replace.work import WORK
from sales_assets.verify import Verification
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import materialize, sales_layers
from sales_assets_tests.helpers.programs import all_succeed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

pytestmark = pytest.mark.slow

RANGE = [f"2022-08-{day:02}" for day in range(9, 15)]
LENGTHS = {"short": 2, "long": 6}


def read_raw(base: Path) -> None:
    materialize(base, "http://unused", assets=[stg_sales])


def pages_of(writer: str, day: str) -> list[bytes]:
    """Give the day as one writer knows it: told by its clients and its number of pages."""
    rows = range(LENGTHS[writer])
    return [page(sale(client=writer, purchase_date=day, price=n)) for n in rows]


def writers_of(day: str, base: Path) -> set[str]:
    """Name the writers whose rows are in the Avro file of a day, which has to be whole."""
    with (base / f"stg/sales/{day}/sales_{day}.avro").open("rb") as file:
        clients = [row["client"] for row in fastavro.reader(file)]  # type: ignore[index, call-overload]
    assert len(clients) == LENGTHS[clients[0]]
    return set(clients)


@pytest.mark.parametrize("rounds", [5, 30, pytest.param(300, marks=pytest.mark.soak)])
def test_a_day_written_by_two_and_read_by_a_third_is_never_mixed(
    tmp_path: Path, api: ScriptedApi, rounds: int
) -> None:
    with ScriptedApi(token=api.token) as other:
        api.days[DAY], other.days[DAY] = (pages_of(writer, DAY) for writer in LENGTHS)

        def write(server: ScriptedApi) -> None:
            for _ in range(rounds):
                materialize(tmp_path, server.url, assets=[raw_sales])

        def read() -> None:
            for _ in range(rounds):
                with suppress(ReplacedError):
                    read_raw(tmp_path)
                    assert len(writers_of(DAY, tmp_path)) == 1

        materialize(tmp_path, api.url, assets=[raw_sales])
        assert all_succeed(lambda: write(api), lambda: write(other), read)
    read_raw(tmp_path)
    raw = [name for name in tree(tmp_path) if name.startswith("raw")]
    assert len(raw) == LENGTHS[writers_of(DAY, tmp_path).pop()]
    assert not any((tmp_path / WORK).iterdir())


@pytest.mark.parametrize("rounds", [2, 30, pytest.param(300, marks=pytest.mark.soak)])
def test_ranges_and_single_days_at_once_are_recorded_as_they_lie(
    tmp_path: Path, new_home: Path, api: ScriptedApi, rounds: int
) -> None:
    """One rejects a row, the others do not: it is in the day or in its quarantine."""
    home = shutil.copytree(new_home, tmp_path / "home")
    base, days = tmp_path / "storage", RANGE[:3]
    with ScriptedApi(token=api.token) as other:
        for day in days:
            bad, good = (sale(purchase_date=day, price=price) for price in ("1", 1))
            api.days[day] = [page(sale(purchase_date=day), bad)]
            other.days[day] = [page(sale(purchase_date=day)), page(good)]

        def write(url: str, first: str, last: str) -> None:
            with dg.DagsterInstance.from_config(str(home)) as instance:
                for _ in range(rounds):
                    with suppress(ReplacedError, UnlikeRecordedError, FailedDaysError):
                        materialize(base, url, first, last, allowed=1, instance=instance)

        assert all_succeed(
            lambda: write(api.url, days[0], days[-1]),
            lambda: write(other.url, days[1], days[1]),
            lambda: write(other.url, days[0], days[1]),
        )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        verification = Verification(instance, sales_layers(base))
        assert verification.days() == days
        assert verification.storage() == []
        assert [one for day in days for one in verification.day(day)] == []


def test_overlapping_backfills_leave_every_day_whole(tmp_path: Path, api: ScriptedApi) -> None:
    api.days = {day: pages_of("long", day) for day in RANGE}

    def backfill() -> None:
        with suppress(ReplacedError, FailedDaysError):
            materialize(tmp_path, api.url, RANGE[0], RANGE[-1])

    assert all_succeed(backfill, backfill, backfill)
    for day in RANGE:
        assert len(list((tmp_path / "raw/sales" / day).iterdir())) == LENGTHS["long"]
        assert writers_of(day, tmp_path) == {"long"}
    assert not any((tmp_path / WORK).iterdir())
