"""Which days there are, as the records have it."""

import dagster as dg

from sales_assets.sales.assets import raw_sales, stg_sales
from sales_assets.status import LayerStatus, status
from sales_assets_tests.helpers.pipeline import DAYS, Pipeline, sales_layers
from sales_assets_tests.helpers.rows import page, sale

RAW = dg.AssetSelection.assets(raw_sales)


def looked_up(pipeline: Pipeline, lookback: int = 2) -> tuple[LayerStatus, LayerStatus]:
    """Give what is said of the three days of raw_sales and of stg_sales."""
    layers = sales_layers(pipeline.base)
    found = status(pipeline.instance, layers, DAYS[0], DAYS[-1], lookback)
    return found["raw_sales"], found["stg_sales"]


def test_a_day_is_stored_or_missing(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[1], RAW)
    raw, stg = looked_up(pipeline)
    assert (raw.stored, raw.missing, raw.failed) == ([DAYS[0], DAYS[1]], [DAYS[2]], [])
    assert (stg.stored, stg.to_convert) == ([], [DAYS[0], DAYS[1]])
    assert not raw.is_whole
    pipeline.run(DAYS[0], DAYS[-1])
    for one in looked_up(pipeline):
        assert one == LayerStatus(list(DAYS), [], [], [], [], {})
        assert one.is_whole


def test_a_day_whose_latest_run_failed_is_named_also_when_it_is_stored(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[1])
    del pipeline.api.days[DAYS[1]], pipeline.api.days[DAYS[2]]
    pipeline.run(DAYS[0], DAYS[2])
    raw, _ = looked_up(pipeline)
    assert (raw.stored, raw.missing) == ([DAYS[0], DAYS[1]], [DAYS[2]])
    assert raw.failed == [DAYS[1], DAYS[2]]


def test_a_day_that_its_source_has_anew_is_outdated(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    pipeline.api.days[DAYS[1]] += [page(sale(purchase_date=DAYS[1]))]
    # At the second run, the API has not changed it since, but stg has not caught up.
    for _ in range(2):
        pipeline.run(DAYS[1], DAYS[1], RAW)
        assert looked_up(pipeline)[1].outdated == [DAYS[1]]
    pipeline.run(DAYS[1], DAYS[1], dg.AssetSelection.assets(stg_sales))
    assert looked_up(pipeline)[1].is_whole


def test_days_that_the_last_look_back_changed_say_how(pipeline: Pipeline) -> None:
    pipeline.run(DAYS[0], DAYS[-1])
    for day in DAYS[:2]:
        pipeline.api.days[day] += [page(sale(purchase_date=day))]
    pipeline.run(DAYS[0], DAYS[-1])
    assert looked_up(pipeline, lookback=1)[0].changed == {DAYS[1]: "+1 -0 rows"}
    assert looked_up(pipeline, lookback=0)[0].changed == {}


def test_a_person_reads_at_most_ten_spans_of_days() -> None:
    days = [f"2022-08-{day:02}" for day in range(9, 32)]
    firsts = [f"2022-{month:02}-01" for month in range(1, 13)]
    status = LayerStatus(days[:1], days[1:], firsts, [], [], {days[0]: "+1 -0 rows"})
    assert list(status.lines("raw_sales")) == [
        "raw_sales: 1 of 23 days are stored",
        "  22 missing: 2022-08-10...2022-08-31",
        f"  12 whose latest run failed: {', '.join(firsts[:10])}, ...",
        "  changed when last stored: 2022-08-09 (+1 -0 rows)",
    ]
