"""The asset checks, on days as they come from HTTP, and on days that somebody has damaged."""

import datetime
from typing import Any

import dagster as dg
import pytest

from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets_tests.helpers.pipeline import Pipeline, failed
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi


def test_a_day_without_sales_passes(pipeline: Pipeline, api: ScriptedApi) -> None:
    api.days[DAY] = [b"[]"]
    assert failed(pipeline.run()) == {}


@pytest.mark.parametrize(
    ("changes", "says", "severity"),
    [
        ({"client": ""}, "1 row without client or product", "ERROR"),
        ({"price": 0}, "1 row with a price that is not positive", "WARN"),
    ],
)
def test_an_empty_text_is_an_error_and_a_price_that_is_not_positive_a_warning(
    pipeline: Pipeline, api: ScriptedApi, changes: dict[str, Any], says: str, severity: str
) -> None:
    api.days[DAY] = [page(sale(**changes), sale())]
    evaluation = pipeline.run()["stg_sales_rows_are_sales_of_the_day"][DAY]
    assert evaluation.description == says
    assert (evaluation.passed, evaluation.severity.value) == (False, severity)


def test_a_row_of_another_day_is_an_error(pipeline: Pipeline) -> None:
    pipeline.run()
    row = sale(purchase_date=datetime.date(2022, 8, 10))
    AvroFile(SALE.avro).write([row], pipeline.stg().parent, f"sales_{DAY}")
    problems = failed(pipeline.check())
    assert problems["stg_sales_rows_are_sales_of_the_day"] == {DAY: "1 row of another day"}


def test_a_number_of_rows_far_off_the_same_weekdays_is_a_warning(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    days = {
        f"2022-08-{day:02}": [sale(purchase_date=f"2022-08-{day:02}")] * rows
        for day, rows in ((9, 10), (16, 12), (23, 8), (30, 3))
    }
    for day, sales in days.items():
        api.days[day] = [page(*sales)]
        evaluation = pipeline.run(day)["stg_sales_row_count_is_usual"][day]
    assert evaluation.description == "3 rows, but 4 to 24 are usual"
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    lowest, highest = (evaluation.metadata[name].value for name in ("lowest", "highest"))
    assert (lowest, highest) == (4, 24)


def test_a_field_that_is_not_in_the_contract_is_a_warning_that_names_it(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    odd = [sale(unknown_field="red"), sale(unknown_field=None), sale(field_2=1)]
    api.days[DAY] = [page(sale(), sale()), page(sale(), *odd)]
    evaluation = pipeline.run()["stg_sales_has_no_unknown_fields"][DAY]
    assert evaluation.description == (
        "field_2 (first in page 2, row 4; rows: 1), unknown_field (first in page 2, row 2; rows: 2)"
    )
    assert (evaluation.passed, evaluation.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert pipeline.stg().exists()
