"""A second daily feed is one short module, and has all that the first one has."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.storage.feeds import layers_of
from sales_assets.verify import Verification
from sales_assets_tests.helpers.evaluations import evaluations_of, failed
from sales_assets_tests.helpers.materialize import resources_of, run_feed
from sales_assets_tests.helpers.rows import DAY, page
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.promises import refunds
from sales_assets_tests.promises.refunds import FEED

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """The refunds of three days, on two pages each."""
    with ScriptedApi() as server:
        monkeypatch.setenv("REFUNDS_TOKEN", server.token)
        server.days = {
            day: [page(refund(day, 1), refund(day, 2, reason="broken")), page(refund(day, 3))]
            for day in DAYS
        }
        yield server


def refund(day: str, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "refund_id": f"r{number}",
        "day": day,
        "amount": 2.5 * number,
        "approved": True,
        **changes,
    }


def test_a_day_of_refunds_is_stored_typed_and_checked(
    tmp_path: Path, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    storage = resources_of(FEED, tmp_path, server.url)
    evaluations = evaluations_of(run_feed(FEED, storage, instance))
    assert len(evaluations) == len(FEED.checks)
    assert failed(evaluations) == {}
    raw = tmp_path / f"raw/refunds/{DAY}/refunds_{DAY}_1.json"
    assert raw.read_bytes() == server.days[DAY][0]
    rows = storage[FEED.rows_key]
    with rows.reading(FEED.stg.key, DAY) as (files, _):
        stored = [(row["amount"], row["reason"]) for row in rows.format.rows(files)]
    assert stored == [(2.5, None), (5.0, "broken"), (7.5, None)]


def test_a_range_with_bad_refunds_is_stored_without_them_and_verified(
    tmp_path: Path, server: ScriptedApi, instance: dg.DagsterInstance
) -> None:
    bad = refund(DAYS[1], 9, amount="9.5")
    server.days[DAYS[1]] = [page(refund(DAYS[1], 1, colour="red"), bad)]
    storage = resources_of(FEED, tmp_path, server.url)
    result = run_feed(FEED, storage, instance, DAYS[0], DAYS[-1], allowed=1)
    evaluations = evaluations_of(result)
    assert [*failed(evaluations)] == ["stg_refunds_has_no_unknown_fields"]
    aside = tmp_path / f"quarantine/refunds/{DAYS[1]}/refunds_{DAYS[1]}.jsonl"
    [problem] = json.loads(aside.read_text())["problems"]
    assert (problem["field"], problem["value"]) == ("amount", '"9.5"')
    verification = Verification(instance, layers_of(FEED, storage))
    assert verification.days() == [*DAYS]
    assert [one for day in DAYS for one in verification.day(day)] == []
    aside.unlink()
    assert {one.where for one in verification.day(DAYS[1])} == {"quarantine", "stg_refunds"}


def test_the_module_of_a_feed_is_short_and_says_nothing_of_sales() -> None:
    text = Path(refunds.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 90
    assert "sales_assets.sales" not in text
