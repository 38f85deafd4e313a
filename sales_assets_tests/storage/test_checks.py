"""The checks of what is stored, on days that somebody has damaged."""

import dagster as dg

from sales_assets.sales.assets import raw_sales
from sales_assets.sales.sale import SALE
from sales_assets.storage.avro_file import AvroFile
from sales_assets_tests.helpers.evaluations import failed
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline
from sales_assets_tests.helpers.rows import DAY, page, sale
from sales_assets_tests.helpers.scripted_api import ScriptedApi


def test_a_gap_in_the_pages_is_found(pipeline: Pipeline) -> None:
    pipeline.run()
    (pipeline.raw() / f"sales_{DAY}_2.json").unlink()
    assert "without gaps" in failed(pipeline.check())["raw_sales_is_as_recorded"][DAY]


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
    assert "bytes have moved" in failed(pipeline.check())["raw_sales_is_as_recorded"][DAY]


def test_a_page_in_the_middle_that_is_not_full_is_named(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    first, second, last = api.days[DAY]
    api.days[DAY] = [first, last, second]
    assert failed(pipeline.run()) == {
        "raw_sales_pages_are_full": {DAY: "page 2 has 1 rows, page 1 has 2"}
    }


def test_the_pages_of_a_day_that_was_recorded_as_it_lay_there_are_counted(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    first, second, last = api.days[DAY]
    api.days[DAY] = [first, last, second]
    pipeline.run()
    as_it_lies = pipeline.json_pages.metadata(raw_sales.key, DAY)
    pipeline.instance.report_runless_asset_event(
        dg.AssetMaterialization(raw_sales.key, metadata=as_it_lies, partition=DAY)
    )
    assert "page_rows" not in pipeline.recorded(raw_sales)[DAY]
    assert failed(pipeline.check()) == {
        "raw_sales_pages_are_full": {DAY: "page 2 has 1 rows, page 1 has 2"}
    }


def test_an_avro_file_cut_at_a_block_is_found(pipeline: Pipeline) -> None:
    pipeline.run()
    AvroFile(SALE.avro).write([], pipeline.stg().parent, f"sales_{DAY}")
    assert "is not what was recorded" in failed(pipeline.check())["stg_sales_is_as_recorded"][DAY]


def test_a_day_of_stg_that_was_made_from_an_older_raw_is_found(
    pipeline: Pipeline, api: ScriptedApi
) -> None:
    pipeline.run()
    api.days[DAY] = [page(sale())]
    pipeline.run(selection=dg.AssetSelection.assets(raw_sales))
    assert failed(pipeline.check()) == {
        "stg_sales_is_as_recorded": {
            DAY: "made from an older version of raw_sales: materialize stg_sales again"
        }
    }


def test_rejected_rows_are_counted_in(pipeline: Pipeline, api: ScriptedApi) -> None:
    api.days[DAY] = [page(sale(), sale(price="1"))]
    evaluations = pipeline.run(allowed=1)
    assert failed(evaluations) == {}
    metadata = evaluations["stg_sales_is_as_recorded"][DAY].metadata
    facts = {name: value.value for name, value in metadata.items() if name != "sha256"}
    assert facts == {"rows": 1, "rejected_rows": 1, "upstream_rows": 2}


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
    assert "never recorded" in failed(pipeline.check(DAYS[1]))["raw_sales_is_as_recorded"][DAYS[1]]
