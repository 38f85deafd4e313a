"""The asset checks, on days as they come from HTTP, and on days that somebody has damaged."""

import datetime
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from sales_assets.sales.assets import raw_sales
from sales_assets.sales.checks import SALES_CHECKS
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi


def failed(evaluations: dict[str, dg.AssetCheckEvaluation]) -> dict[str, str]:
    """The descriptions of the checks that failed."""
    return {name: one.description or "" for name, one in evaluations.items() if not one.passed}


def table(evaluation: dg.AssetCheckEvaluation) -> Iterator[Any]:
    metadata: Any = evaluation.metadata["days"]
    return iter([record.data for record in metadata.records])


def test_sound_days_pass_every_check_in_one_evaluation_each(pipeline: Pipeline) -> None:
    evaluations = pipeline.run(DAYS[0], DAYS[-1])
    assert len(evaluations) == len(SALES_CHECKS)
    assert failed(evaluations) == {}
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == list(DAYS)
    assert failed(pipeline.run(DAY)) == {}


def test_a_day_without_sales_passes(pipeline: Pipeline, api: ScriptedApi) -> None:
    api.days[DAY] = [b"[]"]
    assert failed(pipeline.run()) == {}


def test_checks_without_a_partition_are_of_all_recorded_days(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[1])
    evaluations = pipeline.check(None)
    assert len(evaluations) == len(SALES_CHECKS)
    for evaluation in evaluations.values():
        assert [record["day"] for record in table(evaluation)] == [*DAYS[:2]]
        assert evaluation.metadata["days_checked"].value == 2


def test_a_damaged_day_of_a_range_is_named_and_the_others_are_not(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    damaged = pipeline.raw(DAYS[1]) / f"sales_{DAYS[1]}_2.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"TV", b"PC"))
    evaluation = pipeline.check(DAYS[0], DAYS[-1])["raw_sales_is_as_recorded"]
    assert not evaluation.passed
    assert evaluation.metadata["failed_days"].value == [DAYS[1]]
    assert "is not what was recorded" in (evaluation.description or "")
    assert [bool(record["problem"]) for record in table(evaluation)] == [False, True, False]


def test_a_gap_in_the_pages_is_found(pipeline: Pipeline) -> None:
    pipeline.run()
    (pipeline.raw() / f"sales_{DAY}_2.json").unlink()
    assert "without gaps" in failed(pipeline.check())["raw_sales_is_as_recorded"]


def test_a_page_that_is_there_twice_stops_stg_sales(pipeline: Pipeline, api: ScriptedApi) -> None:
    pages = api.days[DAY]
    api.days[DAY] = [pages[0], pages[1], pages[0], pages[2]]
    assert pipeline.run() == {}
    assert not pipeline.raw().exists()
    assert not pipeline.stg().exists()


def test_a_byte_that_moved_from_one_page_to_the_next_is_found(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    api.days[DAY] = [api.days[DAY][0] + b"\n", *api.days[DAY][1:]]
    pipeline.run()
    first, second = (pipeline.raw() / f"sales_{DAY}_{number}.json" for number in (1, 2))
    first.write_bytes(first.read_bytes()[:-1])
    second.write_bytes(b"\n" + second.read_bytes())
    assert "bytes have moved" in failed(pipeline.check())["raw_sales_is_as_recorded"]


def test_a_page_in_the_middle_that_is_not_full_is_named(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    first, second, last = api.days[DAY]
    api.days[DAY] = [first, last, second]
    assert failed(pipeline.run()) == {
        "raw_sales_pages_are_full": f"{DAY}: page 2 has 1 rows, page 1 2"
    }


def test_an_avro_file_cut_at_a_block_is_found(pipeline: Pipeline) -> None:
    pipeline.run()
    AvroFile(SALE.avro).write([], pipeline.stg().parent, f"sales_{DAY}")
    assert "is not what was recorded" in failed(pipeline.check())["stg_sales_is_as_recorded"]


def test_rows_that_raw_has_more_of_are_found(pipeline: Pipeline, api: ScriptedApi) -> None:
    pipeline.run()
    api.days[DAY] = [page(sale())]
    pipeline.run(selection=dg.AssetSelection.assets(raw_sales))
    assert failed(pipeline.check()) == {
        "stg_sales_is_as_recorded": f"{DAY}: 5 rows and 0 rejected, but raw_sales has 1"
    }


def test_rejected_rows_are_counted_in(pipeline: Pipeline, api: ScriptedApi) -> None:
    api.days[DAY] = [page(sale(), sale(price="1"))]
    evaluations = pipeline.run(allowed=1)
    assert failed(evaluations) == {}
    [record] = table(evaluations["stg_sales_is_as_recorded"])
    assert (record["rows"], record["rejected_rows"], record["raw_rows"]) == (1, 1, 2)


@pytest.mark.parametrize("field", ["client", "product"])
def test_an_empty_text_is_an_error(pipeline: Pipeline, api: ScriptedApi, field: str) -> None:
    api.days[DAY] = [page(sale(**{field: ""}), sale())]
    evaluation = pipeline.run()["stg_sales_rows_are_sales_of_the_day"]
    assert evaluation.description == f"{DAY}: 1 rows without client or product"
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_a_price_that_is_not_positive_is_a_warning(pipeline: Pipeline, api: ScriptedApi) -> None:
    api.days[DAY] = [page(sale(price=0), sale(price=-1), sale())]
    evaluation = pipeline.run()["stg_sales_rows_are_sales_of_the_day"]
    assert evaluation.description == f"{DAY}: 2 rows with a price that is not positive"
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_row_of_another_day_is_an_error(pipeline: Pipeline) -> None:
    pipeline.run()
    row = sale(purchase_date=datetime.date(2022, 8, 10))
    AvroFile(SALE.avro).write([row], pipeline.stg().parent, f"sales_{DAY}")
    problems = failed(pipeline.check())
    assert problems["stg_sales_rows_are_sales_of_the_day"] == f"{DAY}: 1 rows of another day"


def test_a_number_of_rows_far_off_the_same_weekdays_is_a_warning(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    days = {
        f"2022-08-{day:02}": [sale(purchase_date=f"2022-08-{day:02}")] * rows
        for day, rows in ((9, 10), (16, 12), (23, 8), (30, 3))
    }
    for day, sales in days.items():
        api.days[day] = [page(*sales)]
        evaluation = pipeline.run(day)["stg_sales_row_count_is_usual"]
    assert evaluation.description == "2022-08-30: 3 rows, where 4 to 24 are usual"
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    [record] = table(evaluation)
    assert (record["lowest"], record["highest"]) == (4, 24)


def test_a_field_that_is_not_in_the_contract_is_a_warning_that_names_it(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    api.days[DAY] = [page(sale(), sale(colour="red"), sale(colour=None))]
    evaluation = pipeline.run()["stg_sales_has_no_unknown_fields"]
    assert evaluation.description == f"{DAY}: colour (first in page 1, row 2; 2 rows)"
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert pipeline.stg().exists()


def test_a_day_that_was_never_recorded_says_so(pipeline: Pipeline) -> None:
    pipeline.run()
    pipeline.base.rename(pipeline.base.with_name("moved"))
    for layer in ("raw", "stg"):
        name = f"{layer}/sales/{DAYS[1]}"
        old = pipeline.base.with_name("moved") / layer / "sales" / DAY
        (pipeline.base / name).parent.mkdir(parents=True)
        old.rename(pipeline.base / name)
        for file in (pipeline.base / name).iterdir():
            file.rename(file.with_name(file.name.replace(DAY, DAYS[1])))
    assert "never recorded" in failed(pipeline.check(DAYS[1]))["raw_sales_is_as_recorded"]
