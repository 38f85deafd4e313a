"""Bad rows, through the real path: from HTTP to Avro and quarantine."""

import json
import re
import tracemalloc
from pathlib import Path

import fastavro
import pytest

from sales_assets.feed.remedy import config_json
from sales_assets.sales.assets import stg_sales
from sales_assets.storage.quarantine import Quarantine
from sales_assets.storage.replace.work import WORK
from sales_assets_tests.helpers.files import tree
from sales_assets_tests.helpers.pipeline import Pipeline
from sales_assets_tests.helpers.rows import DAY, days_from, page, sale

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
    "a surrogate without an escape": (GOOD.encode().replace(b"Ada", b"\xed\xa0\x80"), "client"),
    "a byte that is not UTF-8": (GOOD.encode().replace(b"Ada", b"A\xffda"), "client"),
    "a key twice": (GOOD[:-1].encode() + b', "price": 900}', "price"),
    "a key twice, spelt otherwise": (GOOD[:-1].encode() + b', "\\u0070rice": 900}', "price"),
    "a key twice, bad at first": (b'{"price": "x", ' + GOOD[1:].encode(), "price"),
    "an unknown key twice": (GOOD[:-1].encode() + b', "a": 1, "a": 1}', "a"),
    "nothing": (b"{}", "client"),
}


@pytest.fixture
def days(pipeline: Pipeline) -> dict[str, str]:
    """A day for each kind of bad row, the second one of its only page: a range takes no longer."""
    found = dict(zip(BAD, days_from("2022-09-01", len(BAD)), strict=True))
    for kind, day in found.items():
        body = b"[%b, %b]" % (GOOD.encode(), BAD[kind][0])
        pipeline.api.days[day] = [body.replace(DAY.encode(), day.encode())]
    return found


def test_a_bad_row_fails_its_day_with_its_place_and_raw_keeps_every_byte(
    pipeline: Pipeline, days: dict[str, str]
) -> None:
    pipeline.run(min(days.values()), max(days.values()))
    records = pipeline.instance.fetch_observations(stg_sales.key, limit=100).records
    said = {
        one.partition_key: one.asset_observation and one.asset_observation.description
        for one in records
    }
    stored = tree(pipeline.base)
    for kind, (_, field) in BAD.items():
        day = days[kind]
        text = said[day] or ""
        assert "1 of 2 rows is invalid; at most 0 are allowed (max_rejected_rows)" in text, kind
        assert re.search(rf"^  page 1, row 2, {field}( = .*)?: ", text, re.MULTILINE), kind
        assert text.endswith(config_json("stg_sales", max_rejected_rows=1)), kind
        assert {path: body for path, body in stored.items() if day in path} == {
            f"raw/sales/{day}/sales_{day}.json": pipeline.api.days[day][0]
        }, kind


def test_a_bad_row_is_kept_aside_with_its_place_and_the_good_one_is_published(
    pipeline: Pipeline, days: dict[str, str]
) -> None:
    pipeline.run(min(days.values()), max(days.values()), allowed=1)
    recorded = pipeline.recorded(stg_sales)
    for kind, (row, field) in BAD.items():
        day = days[kind]
        with pipeline.stg(day).open("rb") as file:
            assert [stored["price"] for stored in fastavro.reader(file)] == [900], kind  # type: ignore[call-overload, index]
        aside = pipeline.base / f"quarantine/sales/{day}/sales_{day}.jsonl"
        record = json.loads(aside.read_text())
        assert (record["page"], record["row"]) == (1, 2), kind
        assert field in [problem["field"] for problem in record["problems"]], kind
        for problem in record["problems"]:
            assert problem["value"] or problem["reason"] == "missing", kind
        assert record["text"] == row.decode("utf-8", "backslashreplace").replace(DAY, day), kind
        metadata = recorded[day]
        assert (metadata["rejected_rows"], metadata["dagster/row_count"]) == (1, 1), kind
        assert metadata["quarantine"] == str(aside), kind


def test_more_bad_rows_than_allowed_change_nothing(pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [page(sale(), sale(price="1"))]
    pipeline.run(allowed=1)
    old = tree(pipeline.base)
    pipeline.api.days[DAY] = [page(sale(), sale(price="2"), sale(price="3"))]
    error = pipeline.error_of(DAY, allowed=1)
    assert "2 of 3 rows are invalid; at most 1 is allowed" in error
    assert tree(pipeline.base) == {**old, RAW: pipeline.api.days[DAY][0]}


def test_each_run_replaces_the_quarantine_as_a_whole(pipeline: Pipeline) -> None:
    for prices in (["1", "2"], ["3"]):
        pipeline.api.days[DAY] = [page(*(sale(price=price) for price in prices))]
        pipeline.run(allowed=2)
    [line] = (pipeline.base / QUARANTINE).read_text().splitlines()
    assert '"3"' in json.loads(line)["problems"][0]["value"]
    pipeline.api.days[DAY] = [page(sale(price=3))]
    pipeline.run(allowed=2)
    assert pipeline.recorded(stg_sales)[DAY]["rejected_rows"] == 0
    assert set(tree(pipeline.base)) == {RAW, AVRO}
    assert not (pipeline.base / QUARANTINE).parent.exists()
    assert not any((pipeline.base / WORK).iterdir())


def test_bad_text_that_is_not_published_does_no_harm(pipeline: Pipeline) -> None:
    pipeline.api.days[DAY] = [b"[%b]" % (GOOD[:-1].encode() + b', "a\xff": "\\udc80"}')]
    pipeline.run()
    metadata = pipeline.recorded(stg_sales)[DAY]
    assert (metadata["dagster/row_count"], [*metadata["unknown_fields"]]) == (1, ["a\\udcff"])


def test_a_file_of_any_size_is_counted_in_little_memory(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path, "sales")
    with quarantine.file.open("wb") as file:
        file.truncate(1 << 27)
        file.seek(1 << 26)
        file.write(b"\n")
    tracemalloc.start()
    assert quarantine.metadata()["rejected_rows"] == 1
    assert tracemalloc.get_traced_memory()[1] < 1 << 24
    tracemalloc.stop()
