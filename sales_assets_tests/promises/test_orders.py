"""A feed whose API is nothing like that of the sales: the worked example of the guide."""

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.storage.feeds import layers_of
from sales_assets.verify import Verification
from sales_assets_tests.helpers.pipeline import evaluations_of, failed, resources_of, run_feed
from sales_assets_tests.helpers.rows import DAY, page
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.promises import orders
from sales_assets_tests.promises.orders import FEED
from sales_assets_tests.promises.orders_api import SHAPE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """The orders of a day, on two pages; the first was placed before midnight in UTC."""
    with ScriptedApi(SHAPE) as server:
        monkeypatch.setenv("ORDERS_TOKEN", server.token)
        server.days[DAY] = [
            page(order("o1", "2022-08-09T00:30:00+02:00"), order("o2", "2022-08-09T10:00:00Z")),
            page(order("o3", "2022-08-09T23:59:59.999+02:00", state="paid")),
        ]
        yield server


def order(number: str, placed_at: str, **changes: Any) -> dict[str, Any]:
    good = {"order-id": number, "placed_at": placed_at, "state": "open", "total-cents": 250}
    return {**good, **changes}


def test_a_day_of_orders_is_stored_checked_and_verified(
    tmp_path: Path, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    storage = resources_of(FEED, tmp_path, server.url)
    assert failed(evaluations_of(run_feed(FEED, storage, instance))) == {}
    first = json.loads((tmp_path / f"raw/orders/{DAY}/orders_{DAY}_1.json").read_bytes())
    assert (first["data"][0]["order-id"], first["meta"]) == ("o1", {"next": "c2", "total": 3})
    rows = storage[FEED.rows_key]
    with rows.reading(FEED.stg.key, DAY) as (files, _):
        [one, _, three] = rows.format.rows(files)
    utc = datetime.timezone.utc
    placed_at = datetime.datetime(2022, 8, 8, 22, 30, tzinfo=utc)
    assert one == {"order_id": "o1", "placed_at": placed_at, "state": "open", "total": 250}
    assert three["state"] == "paid"
    recorded = storage[FEED.pages_key].recorded(instance, FEED.raw.key)[DAY]
    assert recorded["total_sum"] == 750
    assert list(Verification(instance, layers_of(FEED, storage)).day(DAY)) == []


def test_a_range_with_a_bad_order_is_stored_without_it_and_verified(
    tmp_path: Path, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    next_day = "2022-08-10"
    placed_at = f"{next_day}T10:00:00Z"
    bad = order("o5", placed_at, **{"total-cents": "250"})
    server.days[next_day] = [page(order("o4", placed_at), bad)]
    storage = resources_of(FEED, tmp_path, server.url)
    result = run_feed(FEED, storage, instance, DAY, next_day, allowed=1)
    assert failed(evaluations_of(result)) == {}
    aside = tmp_path / f"quarantine/orders/{next_day}/orders_{next_day}.jsonl"
    [problem] = json.loads(aside.read_text())["problems"]
    assert (problem["field"], problem["value"]) == ("total-cents", '"250"')
    verification = Verification(instance, layers_of(FEED, storage))
    assert [one for day in (DAY, next_day) for one in verification.day(day)] == []
    aside.unlink()
    assert {one.where for one in verification.day(next_day)} == {"quarantine", "stg_orders"}


def test_the_module_of_a_feed_is_short_and_says_nothing_of_sales() -> None:
    text = Path(orders.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert "sales_assets.sales" not in text
