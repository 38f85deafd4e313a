"""Bad rows, through the real path: from HTTP to Avro and quarantine."""

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import fastavro
import pytest
from upath import UPath

from sales_assets.feed.judgement import InvalidRowsError
from sales_assets.feed.remedy import config_json
from sales_assets.sales.assets import stg_sales
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.replace import directories_of
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.materialize import materialize
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi

GOOD = json.dumps(sale())
RAW = f"raw/sales/{DAY}/sales_{DAY}.json"
AVRO = f"stg/sales/{DAY}/sales_{DAY}.avro"
QUARANTINE = f"quarantine/sales/{DAY}/sales_{DAY}.jsonl"

BAD = {
    "a field missing": (b'{"client": "A", "purchase_date": "2022-08-09", "product": "B"}', "price"),
    "a field null": (page(sale(client=None))[1:-1], "client"),
    "a number as text": (page(sale(price="900"))[1:-1], "price"),
    "a float": (page(sale(price=900.5))[1:-1], "price"),
    "a whole float": (page(sale(price=900.0))[1:-1], "price"),
    "an exponent": (GOOD.replace("900", "9e2").encode(), "price"),
    "a boolean": (page(sale(price=True))[1:-1], "price"),
    "NaN": (page(sale(price=float("nan")))[1:-1], "price"),
    "Infinity": (page(sale(price=float("-inf")))[1:-1], "price"),
    "more than 64 bits": (page(sale(price=2**63))[1:-1], "price"),
    "thousands of digits": (GOOD.replace("900", "9" * 5000).encode(), "price"),
    "thousands of digits for a text": (GOOD.replace('"TV"', "9" * 5000).encode(), "product"),
    "a list for a text": (page(sale(product=["TV"]))[1:-1], "product"),
    "another day": (page(sale(purchase_date="2022-08-10"))[1:-1], "purchase_date"),
    "a time": (page(sale(purchase_date=f"{DAY}T00:00:00"))[1:-1], "purchase_date"),
    "a lone surrogate": (GOOD.replace("Ada", "A\\ud800da").encode(), "client"),
    "a lone surrogate without an escape": (
        GOOD.encode().replace(b"Ada", b"\xed\xa0\x80"),
        "client",
    ),
    "a byte that is not UTF-8": (GOOD.encode().replace(b"Ada", b"A\xffda"), "client"),
    "a key twice": (GOOD[:-1].encode() + b', "price": 900}', "price"),
    "a key twice, spelt otherwise": (GOOD[:-1].encode() + b', "\\u0070rice": 900}', "price"),
    "a key twice, bad at first": (b'{"price": "x", ' + GOOD[1:].encode(), "price"),
    "an unknown key twice": (GOOD[:-1].encode() + b', "a": 1, "a": 1}', "a"),
    "nothing": (b"{}", "client"),
}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An empty storage."""
    return tmp_path / "storage"


def run(
    api: ScriptedApi, base: Path, instance: dg.DagsterInstance, max_rejected_rows: int = 0
) -> dict[str, Any]:
    """Materialize the day for real; give the metadata of its rows."""
    result = materialize(
        base, api.url, allowed=max_rejected_rows, instance=instance, max_attempts=1
    )
    [event] = result.asset_materializations_for_node("stg_sales")
    return {name: entry.value for name, entry in event.metadata.items()}


def stored_rows(base: Path) -> list[Any]:
    with (base / AVRO).open("rb") as file:
        return list(fastavro.reader(file))


def day_of(kind: str) -> str:
    """Give each kind of bad row a day of its own."""
    return f"2022-09-{[*BAD].index(kind) + 1:02}"


def page_of(kind: str) -> bytes:
    return b"[%b, %b]" % (GOOD.encode(), BAD[kind][0])


class Outcome(NamedTuple):
    """What a range with a bad row of each kind has led to, without and with leave to reject."""

    error: str
    refused: dict[str, bytes]
    base: Path
    recorded: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Run all days at once, which takes no longer than one."""
    base = tmp_path_factory.mktemp("rejects") / "storage"
    days = [day_of(kind) for kind in BAD]
    with (
        ScriptedApi() as api,
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        patch.setenv("AUTH_TOKEN", api.token)
        for kind in BAD:
            day = day_of(kind)
            api.days[day] = [page_of(kind).replace(DAY.encode(), day.encode())]
        pipeline = Pipeline(api, base, instance)
        # An error names ten days at most.
        error = "\n".join(
            pipeline.error_of(days[n], days[min(n + 9, len(days) - 1)])
            for n in range(0, len(days), 10)
        )
        refused = tree(base)
        pipeline.run(days[0], days[-1], allowed=1)
        recorded = pipeline.recorded(stg_sales)
    return Outcome(error, refused, base, recorded)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_fails_its_day_with_its_place_and_raw_keeps_every_byte(
    outcome: Outcome, kind: str
) -> None:
    day, (_, field) = day_of(kind), BAD[kind]
    lines = iter(outcome.error.splitlines())
    assert f"  {day}: 1 of 2 rows is invalid; at most 0 are allowed (max_rejected_rows)" in next(
        line for line in lines if line.startswith(f"  {day}")
    )
    assert re.match(rf"    page 1, row 2, {field}( = .*)?: ", next(lines))
    advice = next(line for line in lines if not line.startswith("    page"))
    assert advice.endswith(config_json("stg_sales", max_rejected_rows=1))
    raw = f"raw/sales/{day}/sales_{day}.json"
    assert outcome.refused[raw] == page_of(kind).replace(DAY.encode(), day.encode())
    assert [path for path in outcome.refused if day in path] == [raw]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_row_is_kept_aside_with_its_place_and_the_good_one_is_published(
    outcome: Outcome, kind: str
) -> None:
    day, (row, field) = day_of(kind), BAD[kind]
    with (outcome.base / f"stg/sales/{day}/sales_{day}.avro").open("rb") as file:
        assert [stored["price"] for stored in fastavro.reader(file)] == [900]  # type: ignore[call-overload, index]
    aside = outcome.base / f"quarantine/sales/{day}/sales_{day}.jsonl"
    record = json.loads(aside.read_text())
    assert (record["page"], record["row"]) == (1, 2)
    assert field in [problem["field"] for problem in record["problems"]]
    for problem in record["problems"]:
        assert problem["value"] or problem["reason"] == "missing"
    assert record["text"] == row.decode("utf-8", "backslashreplace").replace(DAY, day)
    metadata = outcome.recorded[day]
    assert (metadata["rejected_rows"], metadata["dagster/row_count"]) == (1, 1)
    assert metadata["quarantine"] == str(aside)


def test_more_bad_rows_than_allowed_change_nothing(
    api: ScriptedApi, base: Path, instance: dg.DagsterInstance
) -> None:
    api.days[DAY] = [page(sale(), sale(price="1"))]
    run(api, base, instance, max_rejected_rows=1)
    old = tree(base)
    api.days[DAY] = [page(sale(), sale(price="2"), sale(price="3"))]
    with pytest.raises(InvalidRowsError, match="2 of 3 rows are invalid; at most 1 is allowed"):
        run(api, base, instance, max_rejected_rows=1)
    new = tree(base)
    assert (new[AVRO], new[QUARANTINE]) == (old[AVRO], old[QUARANTINE])


def test_a_clean_run_clears_the_quarantine(
    api: ScriptedApi, base: Path, instance: dg.DagsterInstance
) -> None:
    api.days[DAY] = [page(sale(), sale(price="1"))]
    run(api, base, instance, max_rejected_rows=1)
    api.days[DAY] = [page(sale(), sale(price=1))]
    assert run(api, base, instance, max_rejected_rows=1)["rejected_rows"] == 0
    assert set(tree(base)) == {RAW, AVRO}
    assert not (base / "quarantine/sales" / DAY).exists()
    assert not any((base / WORK).iterdir())


def test_fewer_bad_rows_replace_the_quarantine_as_a_whole(
    api: ScriptedApi, base: Path, instance: dg.DagsterInstance
) -> None:
    for prices in (["1", "2"], ["3"]):
        api.days[DAY] = [page(*(sale(price=price) for price in prices))]
        run(api, base, instance, max_rejected_rows=2)
    [line] = (base / QUARANTINE).read_text().splitlines()
    assert '"3"' in json.loads(line)["problems"][0]["value"]
    assert stored_rows(base) == []


def test_bad_text_that_is_not_published_does_no_harm(
    api: ScriptedApi, base: Path, instance: dg.DagsterInstance
) -> None:
    api.days[DAY] = [b"[%b]" % (GOOD[:-1].encode() + b', "a\xff": "\\udc80"}')]
    metadata = run(api, base, instance)
    assert list(metadata["unknown_fields"]) == ["a\\udcff"]
    assert len(stored_rows(base)) == 1


def test_a_file_of_any_size_is_counted_in_little_memory(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, "sales")
    with quarantine.file.open("wb") as file:
        file.truncate(1 << 27)
        file.seek(1 << 26)
        file.write(b"\n")
    tracemalloc.start()
    assert quarantine.count() == 1
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()


def test_records_are_removed_from_an_object_store_too() -> None:
    base = UPath("memory://quarantine-of-a-test")
    quarantine = Quarantine(base / "quarantine/sales" / DAY, f"sales_{DAY}")
    directories = directories_of(base)
    for records in ([{"row": 1}], []):
        with directories.replacing(quarantine.directory) as replacement:
            quarantine.write(records, replacement.new[0])
            replacement.publish()
        assert quarantine.file.exists() == bool(records)
        assert quarantine.count() == len(records)
