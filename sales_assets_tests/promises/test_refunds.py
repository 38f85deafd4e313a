"""A second daily feed is one short module, and has all that the first one has."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from sales_assets.sample.api import Answer
from sales_assets.verify import Verification
from sales_assets_tests.helpers.evaluations import Evaluations, evaluations_of, failed
from sales_assets_tests.helpers.materialize import range_tags
from sales_assets_tests.helpers.rows import DAY, page
from sales_assets_tests.helpers.scripted_api import ScriptedApi
from sales_assets_tests.promises import refunds
from sales_assets_tests.promises.refunds import (
    REFUND_ASSETS,
    REFUND_CHECKS,
    RefundsApi,
    refund_layers,
    refund_storage,
)

DAYS = ("2022-08-09", "2022-08-10", "2022-08-11")


class RefundsServer(ScriptedApi):
    """A real server whose pages are those of refunds."""

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Answer for refunds as the sales API does for sales."""
        return super().answer(path.replace("/refunds?", "/sales?"), headers)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RefundsServer]:
    """The refunds of three days, on two pages each."""
    with RefundsServer() as server:
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


def run(
    base: Path,
    server: RefundsServer,
    instance: dg.DagsterInstance,
    first: str = DAY,
    last: str | None = None,
    allowed: int = 0,
) -> Evaluations:
    """Materialize refunds and check them; give the evaluations."""
    job = dg.define_asset_job("refunds", dg.AssetSelection.all())
    definitions = dg.Definitions(
        assets=REFUND_ASSETS,
        asset_checks=REFUND_CHECKS,
        jobs=[job],
        resources={"refunds_api": RefundsApi(url=server.url), **refund_storage(str(base))},
    )
    result = definitions.resolve_job_def("refunds").execute_in_process(
        run_config=dg.RunConfig({"stg_refunds": {"config": {"max_rejected_rows": allowed}}}),
        instance=instance,
        partition_key=None if last else first,
        tags=range_tags(first, last) if last else {},
    )
    return evaluations_of(result)


def stored_rows(base: Path, day: str) -> list[Any]:
    storage = refund_storage(str(base))["refunds_avro"]
    with storage.files(refunds.stg_refunds.key, day) as files:
        return list(storage.format.rows(files))


def test_a_day_of_refunds_is_stored_typed_and_checked(
    tmp_path: Path, server: RefundsServer, instance: dg.DagsterInstance
) -> None:
    evaluations = run(tmp_path, server, instance)
    assert len(evaluations) == len(REFUND_CHECKS)
    assert failed(evaluations) == {}
    raw = tmp_path / f"raw/refunds/{DAY}/refunds_{DAY}_1.json"
    assert raw.read_bytes() == server.days[DAY][0]
    assert [(row["amount"], row["reason"]) for row in stored_rows(tmp_path, DAY)] == [
        (2.5, None),
        (5.0, "broken"),
        (7.5, None),
    ]


def test_a_range_with_bad_refunds_is_stored_without_them_and_verified(
    tmp_path: Path, server: RefundsServer, instance: dg.DagsterInstance
) -> None:
    bad = refund(DAYS[1], 9, amount="9.5")
    server.days[DAYS[1]] = [page(refund(DAYS[1], 1, colour="red"), bad)]
    evaluations = run(tmp_path, server, instance, DAYS[0], DAYS[-1], allowed=1)
    assert [*failed(evaluations)] == ["stg_refunds_has_no_unknown_fields"]
    aside = tmp_path / f"quarantine/refunds/{DAYS[1]}/refunds_{DAYS[1]}.jsonl"
    [problem] = json.loads(aside.read_text())["problems"]
    assert (problem["field"], problem["value"]) == ("amount", '"9.5"')
    verification = Verification(instance, refund_layers(refund_storage(str(tmp_path))))
    assert verification.days() == [*DAYS]
    assert [one for day in DAYS for one in verification.day(day)] == []
    aside.unlink()
    assert {one.where for one in verification.day(DAYS[1])} == {"quarantine", "stg_refunds"}


def test_the_module_of_a_feed_is_short_and_says_nothing_of_sales() -> None:
    text = Path(refunds.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert "sales_assets.sales" not in text
